"""What the acceptance suite is made of: an operator that follows a script, a bench for the adapter, and the checks."""
