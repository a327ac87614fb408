"""The adapter for Vonage Network APIs, from public documentation; not verified live."""
