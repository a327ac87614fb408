"""What recorded checks, and what they turned out to be, say about signals, operators and probabilities. Pure."""
