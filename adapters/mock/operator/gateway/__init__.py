"""The gateway of an operator with habits of its own: translates between them and the strict operator behind it."""
