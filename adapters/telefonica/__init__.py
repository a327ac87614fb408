"""The adapter for Telefónica (sandbox), from public documentation; not verified live."""
