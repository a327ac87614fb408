"""The adapter for Orange (playground), from public documentation; not verified live."""
