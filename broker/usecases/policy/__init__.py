"""Policies: examined, governed, tried, halted, played."""
