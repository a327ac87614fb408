"""Telling others what happens: subscriptions, what sets them off, and CloudEvents on their way to a sink."""
