"""The adapter for Vodafone, from public documentation; not verified live."""
