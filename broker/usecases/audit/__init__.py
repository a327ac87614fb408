"""The log, receipts, and what is told of a check afterwards."""
