"""The check as an oracle (threats T2 and T3), and agents that storm (T25): what an agent is told, and who suffers."""

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


PURPOSE = "FraudPreventionAndDetection"


MEDIUM = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}
LOW = {"type": "sign_in.hint"}
HIGH = {"type": "credential.reset"}
CRITICAL = {"type": "sim.order"}
SENSITIVITY = pytest.mark.parametrize(
    "action", [LOW, MEDIUM, HIGH, CRITICAL], ids=["low", "medium", "high", "critical"]
)


def question(number: str, action: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"subject": {"phoneNumber": number}, "action": action or MEDIUM, "purpose": PURPOSE}


def ask(http: httpx.Client, number: str, action: dict[str, Any] | None = None) -> Seen:
    answer = http.post(PATH, json=question(number, action))
    told = answer.json()
    codes = tuple(reason["code"] for reason in told["reasons"])
    ways = [(step["type"], step.get("method", "")) for step in told["nextSteps"]]
    ways += [(one["method"], one["code"]) for one in told.get("withheld", ())]
    return Seen(answer.status_code, told["decision"], told["verdict"], told["confidence"], codes, tuple(ways))


# Nobody's number at an operator of ours, a number of an operator that we have no contract with, and no number at all.
UNKNOWN = ("+34600999990", "+34600999991")
UNSERVED = ("+819012345678", "+819012345679")


@SENSITIVITY
def test_who_is_unknown_and_who_is_unserved_look_alike_to_an_agent(stage: Stage, action: dict[str, Any]) -> None:
    with stage.broker.http() as http:
        seen = [ask(http, number, action) for number in (*UNKNOWN, *UNSERVED)]
    assert len(set(seen)) == 1, seen


# Where everything takes consent, nobody is asked about who gave none.
ASKED = ("sim_swap", "device_swap", "number_verification", "call_forwarding", "number_recycling", "kyc_tenure")
CONSENTED = {
    "purposes.toml": {
        f"[{PURPOSE}]\n" + "".join(f'{name} = "legitimate_interest"\n' for name in ASKED): (
            f"[{PURPOSE}]\n" + "".join(f'{name} = "consent"\n' for name in ASKED)
        )
    }
}
UNWILLING = ("+34600000101", "+34600000117")
REQUIRED = {'ledger = "required"': 'ledger = "required"'}


@pytest.fixture(scope="module")
def hushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage where times are even, operators take their time, and only the unknown and the unserved gave consent."""
    even = {"unseen_step_ms = 250": "unseen_step_ms = 250"}
    with set_stage(tmp_path_factory.mktemp("hushed"), changes=REQUIRED | even, edits=CONSENTED) as standing:
        with standing.broker.http(standing.broker.key("acme", "consent:write", consumer="clerk")) as clerk:
            for number in (*UNKNOWN, *UNSERVED):
                sent = {"phoneNumber": number, "purpose": PURPOSE, "signals": [*ASKED]}
                sent |= {"noticeVersion": "2026-11", "method": "spoken", "channel": "voice"}
                clerk.post("/v1/consents", json=sent).raise_for_status()
        standing.alba.control.fault("latency", delayMs=40)
        yield standing


def shape(http: httpx.Client, number: str, action: dict[str, Any]) -> tuple[Any, ...]:
    """All that an agent sees of an answer but its time, and what is of its own in every answer."""
    answer = http.post(PATH, json=question(number, action))
    told = answer.json()
    text = answer.text.replace(told["receipt"], "RECEIPT").replace(told["id"], "ID")
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "INSTANT", text)
    fields = sorted(name for name in answer.headers if name != "date")
    return text, len(told["receipt"]), answer.status_code, tuple(fields)


@SENSITIVITY
def test_who_is_unknown_who_is_unserved_and_who_gave_no_consent_look_alike_to_an_agent(
    hushed: Stage, action: dict[str, Any]
) -> None:
    with hushed.broker.http() as http:
        seen = {number: shape(http, number, action) for number in (UNKNOWN[0], UNSERVED[0], UNWILLING[0])}
    assert len(set(seen.values())) == 1, seen


def area(ours: list[float], others: list[float]) -> float:
    """Of a classifier that learns the best of all thresholds from one half, and is tried on the other."""
    halves = [(sorted(times[::2]), times[1::2]) for times in (ours, others)]
    (low, low_tried), (high, high_tried) = halves
    cuts = sorted({*low, *high})

    def share(times: list[float], cut: float) -> float:
        return sum(one > cut for one in times) / len(times)

    cut = max(cuts, key=lambda one: abs(share(high, one) - share(low, one)))
    upward = share(high, cut) >= share(low, cut)
    hit, false = share(high_tried, cut), share(low_tried, cut)
    return 0.5 + ((hit - false) if upward else (false - hit)) / 2


@pytest.mark.proof
@pytest.mark.timeout(1800)
@SENSITIVITY
def test_the_time_of_an_answer_does_not_tell_them_apart(hushed: Stage, action: dict[str, Any]) -> None:
    """A stump over the time is no better than 0.55; of 1,200 tries each, chance alone makes 0.514 (one sigma)."""
    kinds = {"unknown": UNKNOWN[0], "unserved": UNSERVED[0], "unwilling": UNWILLING[0]}
    times: dict[str, list[float]] = {name: [] for name in kinds}

    def ask_in_turn(_lane: int) -> None:
        with hushed.broker.http() as http:
            for _ in range(300):
                for name, number in kinds.items():
                    started_s = time.perf_counter()
                    http.post(PATH, json=question(number, action)).raise_for_status()
                    times[name].append(time.perf_counter() - started_s)

    with ThreadPoolExecutor(4) as lanes:
        list(lanes.map(ask_in_turn, range(4)))
    found = {(one, other): area(times[one], times[other]) for one in kinds for other in kinds if one < other}
    assert max(found.values()) <= 0.55, found


def test_one_that_storms_is_told_to_wait_and_the_others_are_served(stage: Stage) -> None:
    """The storm comes from agents whose quota is used up; it costs the others nothing but the refusing."""
    with stage.broker.http(stage.broker.key("acme", "tenant:admin", "trust:check")) as platform:
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
            # With all the time there is: what a busy machine is late with must not pass for what the storm took.
            unhurried = {"deadlineMs": 4000}
            asking = [calm.post(PATH, json=question(f"+346000001{n:02}") | unhurried) for n in range(20)]
            answers = await asyncio.gather(*storming, *asking)
            return [one.status_code for one in answers[:200]], [one.status_code for one in answers[200:]]

    refused, served = asyncio.run(storm())
    assert set(refused) == {429}
    assert served.count(200) >= 19  # goodput of the others at least 95 %
