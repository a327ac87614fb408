"""The adapter for Glide, from public documentation; not verified live."""
