"""What open suites and other people's clients say of the broker: ``make conformance``."""
