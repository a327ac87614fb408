"""The adapter for the pretend operator."""
