"""CAMARA's own scenarios: their Gherkin files, driven against the pretend operator over HTTP. ``make camara``."""
