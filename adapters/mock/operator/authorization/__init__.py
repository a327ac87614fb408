"""The authorization server: clients, assertions, grants and tokens."""
