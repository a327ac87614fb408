"""The command line, ``trust-broker``."""
