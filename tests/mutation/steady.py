"""A plugin for pytest: property tests draw the same cases for every mutant, and may run twice in one process.

What breaks one is not made small: that takes a minute, and nobody reads it.
"""

from hypothesis import HealthCheck, Phase, settings

_OFTEN = (HealthCheck.differing_executors, HealthCheck.too_slow)
_PHASES = (Phase.explicit, Phase.generate)

settings.register_profile("mutants", derandomize=True, database=None, phases=_PHASES, suppress_health_check=_OFTEN)
settings.load_profile("mutants")
