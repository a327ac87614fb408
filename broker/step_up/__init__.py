"""Proving more with the person present."""
