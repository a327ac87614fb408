"""Continuous trust: watches, and what is told of them."""
