"""Proving more: challenges, and the person's side of them."""
