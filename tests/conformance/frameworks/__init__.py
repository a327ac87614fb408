"""Guards in their frameworks: each framework with its own fake model, in an environment of its own."""
