"""The adapter for the pretend operator as it was two releases ago."""
