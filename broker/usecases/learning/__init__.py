"""What checks turned out to be, and what that teaches."""
