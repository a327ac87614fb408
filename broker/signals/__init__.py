"""Run a plan against an operator and bring back evidence."""
