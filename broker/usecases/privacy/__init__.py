"""Keys of the vault, erasure, retention."""
