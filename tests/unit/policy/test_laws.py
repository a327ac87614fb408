from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.policy.cases import all_laws
from tests.unit.policy.laws import LAWS, settings_

by_name = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)


def run(law: Callable[..., None], examples: int) -> None:
    tried = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    tried(given(setting=settings_, **LAWS[law])(law))()


@by_name
def test_law(law: Callable[..., None]) -> None:
    run(law, 80)


@pytest.mark.parametrize("start", [0, 5_000])
def test_every_law_on_ten_thousand_cases(start: int) -> None:
    assert all_laws(range(start, start + 5_000)) == 5_000


@pytest.mark.proof
@pytest.mark.timeout(3600)
@by_name
def test_law_at_length(law: Callable[..., None]) -> None:
    run(law, 30_000)


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("start", range(1_000_000, 2_000_000, 125_000))
def test_every_law_on_a_million_cases(start: int) -> None:
    assert all_laws(range(start, start + 125_000)) == 125_000
