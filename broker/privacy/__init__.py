"""Pseudonyms and the keys behind them: what is stored about a person cannot be turned back without a key."""
