"""The adapter for Aduna, from public documentation; not verified live."""
