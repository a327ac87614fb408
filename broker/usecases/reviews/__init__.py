"""A human decides."""
