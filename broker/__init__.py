"""A trust broker for AI agents: one question about a phone number, one explained, signed and recorded answer."""

__version__ = "0.1.0"
