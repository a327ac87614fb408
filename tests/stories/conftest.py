from collections.abc import Iterator

import pytest

from tests.support.stage import Stage, set_stage

# Situations are told one by one on one stage; how operators in trouble are left alone is the story of test_faults.
PATIENT = {
    "breaker_failures_in_row = 5": "breaker_failures_in_row = 1000000",
    "breaker_calls_min = 20": "breaker_calls_min = 1000000",
    "throttle_pause_ms = 1000": "throttle_pause_ms = 0",
    "quota_pause_ms = 60000": "quota_pause_ms = 0",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for a module's stories; each story brings subjects of its own or leaves none behind that matter."""
    with set_stage(tmp_path_factory.mktemp("stage"), changes=PATIENT) as standing:
        yield standing
