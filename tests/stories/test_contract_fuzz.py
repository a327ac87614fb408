"""Requests drawn from the published contract, sound and unsound: every answer is one of ours, and never a 5xx."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, GenerationMode
from schemathesis.core.result import Ok

from broker.consumers import authorize
from tests.support.broker import RunningBroker, running_broker, share_secrets

_MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
# They answer for as long as somebody listens.
_ENDLESS = ("text/event-stream",)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder = tmp_path_factory.mktemp("fuzz")
    share_secrets(folder)
    with running_broker(folder, {}) as running:
        yield running


def operations(broker: RunningBroker) -> list[APIOperation[Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_url(f"{broker.url}/schema/openapi.json")
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [one for one in found if not any(kind in str(one.definition.raw) for kind in _ENDLESS)]


def fuzz(broker: RunningBroker, modes: tuple[GenerationMode, ...], cases_each: int) -> Counter[int]:
    """Send so many cases of each mode to each operation; the statuses that came back."""
    statuses: Counter[int] = Counter()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {broker.key('acme', *sorted(authorize.SCOPES))}"
        session.trust_env = False
        for operation in operations(broker):
            for mode in modes:
                statuses += _sent(operation, mode, session, cases_each)
    return statuses


def _sent(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, session: requests.Session, cases: int
) -> Counter[int]:
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=cases, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        answer = case.call(session=session, timeout=30)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        statuses[answer.status_code] += 1

    with suppress(Unsatisfiable):  # what takes nothing cannot be sent anything unsound
        send()
    return statuses


def test_no_request_makes_the_broker_fail(broker: RunningBroker) -> None:
    statuses = fuzz(broker, (GenerationMode.NEGATIVE,), cases_each=1)
    assert statuses.total() > 50
    assert 400 in statuses


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_ten_thousand_requests_do_not_either(broker: RunningBroker) -> None:
    assert fuzz(broker, _MODES, cases_each=85).total() >= 10_000
