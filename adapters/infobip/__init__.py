"""The adapter for Infobip, from public documentation; not verified live."""
