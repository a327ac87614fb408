"""The adapter for Orange España, from public documentation; not verified live."""
