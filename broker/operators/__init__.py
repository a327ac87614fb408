"""The live operators of this deployment."""
