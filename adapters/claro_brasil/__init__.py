"""The adapter for Claro Brasil (América Móvil), from public documentation; not verified live."""
