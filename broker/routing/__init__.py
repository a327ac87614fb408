"""Which operator serves a number."""
