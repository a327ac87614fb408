"""A plugin for pytest: property tests draw the same cases for every mutant, and may run twice in one process."""

from hypothesis import HealthCheck, settings

_OFTEN = (HealthCheck.differing_executors, HealthCheck.too_slow)

settings.register_profile("mutants", derandomize=True, database=None, suppress_health_check=_OFTEN)
settings.load_profile("mutants")
