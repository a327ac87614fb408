"""The check as an oracle (threat T2), and agents that storm (T25): what an agent is told, and who suffers."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.stage import Stage, set_stage

PATH = "/v1/trust-checks"


class Seen(NamedTuple):
    """What an agent is told."""

    status: int
    decision: str
    verdict: str
    confidence: str
    codes: tuple[str, ...]
    ways: tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("oracle")) as standing:
        yield standing


def question(number: str, purpose: str = "FraudPreventionAndDetection") -> dict[str, Any]:
    return {
        "subject": {"phoneNumber": number},
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": purpose,
    }


def ask(http: httpx.Client, number: str) -> Seen:
    answer = http.post(PATH, json=question(number))
    told = answer.json()
    codes = tuple(reason["code"] for reason in told["reasons"])
    ways = [(step["type"], step.get("method", "")) for step in told["nextSteps"]]
    ways += [(one["method"], one["code"]) for one in told.get("withheld", ())]
    return Seen(answer.status_code, told["decision"], told["verdict"], told["confidence"], codes, tuple(ways))


# Nobody's number at an operator of ours, a number of an operator that we have no contract with, and no number at all.
UNKNOWN = ("+34600999990", "+34600999991")
UNSERVED = ("+819012345678", "+819012345679")


def test_who_is_unknown_and_who_is_unserved_look_alike_to_an_agent(stage: Stage) -> None:
    with stage.broker.http() as http:
        seen = [ask(http, number) for number in (*UNKNOWN, *UNSERVED)]
    assert len(set(seen)) == 1, seen


def test_one_that_storms_is_told_to_wait_and_the_others_are_served(stage: Stage) -> None:
    """The storm comes from agents whose quota is used up; it costs the others nothing but the refusing."""
    with stage.broker.http(stage.broker.key("acme", "tenant:admin")) as platform:
        stormy = platform.post("/v1/tenants", json={"name": "stormy", "limits": {"checksPerDay": 1}}).json()["tenant"]
        sent = {"consumer": "mad", "scopes": ["trust:check"], "agent": "storm"}
        key = platform.post(f"/v1/tenants/{stormy}/keys", json=sent).json()["key"]

    async def storm() -> tuple[list[int], list[int]]:
        limits = httpx.Limits(max_connections=40)
        async with (
            httpx.AsyncClient(base_url=stage.broker.url, trust_env=False, timeout=30, limits=limits) as mad,
            httpx.AsyncClient(base_url=stage.broker.url, trust_env=False, timeout=30) as calm,
        ):
            mad.headers["Authorization"] = f"Bearer {key}"
            calm.headers["Authorization"] = f"Bearer {stage.broker.agent_key}"
            await mad.post(PATH, json=question("+34600000101"))
            storming = [mad.post(PATH, json=question("+34600000101")) for _ in range(200)]
            asking = [calm.post(PATH, json=question(f"+346000001{n:02}")) for n in range(20)]
            answers = await asyncio.gather(*storming, *asking)
            return [one.status_code for one in answers[:200]], [one.status_code for one in answers[200:]]

    refused, served = asyncio.run(storm())
    assert set(refused) == {429}
    assert served.count(200) >= 19  # goodput of the others at least 95 %
