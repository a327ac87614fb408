"""Adapters of this repository: a folder an operator. Found by entry point, see README.md here."""
