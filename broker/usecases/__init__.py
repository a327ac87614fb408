"""The verbs, one file each. Every surface calls these and nothing else."""
