"""The record: log leaves, receipts, and their verification by anybody."""
