"""The adapter for OpenXpand, from public documentation; not verified live."""
