"""The adapter for Nokia Network as Code, from public documentation; not verified live."""
