"""The adapter for KPN, from public documentation; not verified live."""
