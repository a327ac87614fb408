"""The adapter for the pretend operator behind a gateway with habits of its own."""
