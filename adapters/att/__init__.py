"""The adapter for AT&T, from public documentation; not verified live."""
