"""A human takes over: the rules by which a review goes from queued to decided."""
