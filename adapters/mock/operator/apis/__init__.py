"""The network APIs, as their OpenAPI definitions and prose say, version by version."""
