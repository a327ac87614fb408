from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.policy.laws import LAWS, settings_

by_name = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)


def run(law: Callable[..., None], examples: int) -> None:
    tried = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    tried(given(setting=settings_, **LAWS[law])(law))()


@by_name
def test_law(law: Callable[..., None]) -> None:
    run(law, 300)


@pytest.mark.proof
@pytest.mark.timeout(3600)
@by_name
def test_law_at_length(law: Callable[..., None]) -> None:
    run(law, 30_000)
