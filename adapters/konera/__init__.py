"""The adapter for Konera (India, UAT), from public documentation; not verified live."""
