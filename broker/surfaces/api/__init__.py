"""The REST surface: Litestar."""
