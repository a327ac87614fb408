import asyncio
from typing import Any

import msgspec
import pytest

from broker.adapter_kit.adapter import SignalQuery
from broker.clock import SystemClock
from broker.domain.check import Circle
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.signals.freshness import Freshness
from broker.signals.gather import Errand, Gatherer
from tests.support.clocks import HandClock
from tests.support.turns import settle
from tests.unit.signals.test_gather import ScriptedAdapter, errand, observed, plan, run

SIM = SignalName.SIM_SWAP


class Held:
    """Answers when the test lets it."""

    def __init__(self, reason: Unavailability | None = None) -> None:
        self.go = asyncio.Event()
        self.reason = reason
        self.cancelled = 0

    async def __call__(self, query: SignalQuery) -> Signal:
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.reason is not None:
            return Unavailable(query.signal, self.reason, "X")
        return observed(query, HandClock())


def job(left_s: float = 5.0, **changed: Any) -> Errand:
    given = errand(SystemClock().monotonic_s() + left_s)
    asked = {name: changed.pop(name) for name in tuple(changed) if name in SignalQuery.__struct_fields__}
    query = msgspec.structs.replace(given.query, **asked)
    return msgspec.structs.replace(given, query=query, **changed)


def gatherer() -> Gatherer:
    return Gatherer(Freshness(entries_max=9), SystemClock())


async def test_a_thousand_checks_of_one_subject_cost_one_call_for_each_api() -> None:
    """R9, with the correlators that the checks really have: one each."""
    held = Held()
    one, adapter = gatherer(), ScriptedAdapter(held)
    wanted = plan(SIM, SignalName.LOCATION)
    checks = [asyncio.create_task(run(one, adapter, wanted, job(correlator=str(number)))) for number in range(1000)]
    await settle()
    held.go.set()
    answers = await asyncio.gather(*checks)
    assert all(isinstance(answer, Observed) for each in answers for answer in each.values())
    assert len(adapter.asked) == 2
    assert one._flights._flights == {}


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "other"},
        {"subject": b"other"},
        {"purpose": "RequestedServiceProvision"},
        {"window_s": 60.0},
        {"location": Circle(1.0, 2.0, 3000.0)},
        {"operator_token": "token"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_what_differs_is_not_shared(other: dict[str, Any]) -> None:
    held = Held()
    one, adapter = gatherer(), ScriptedAdapter(held)
    checks = [asyncio.create_task(run(one, adapter, plan(SIM), each)) for each in (job(), job(**other))]
    await settle()
    held.go.set()
    await asyncio.gather(*checks)
    assert len(adapter.asked) == 2


async def test_a_token_of_one_use_is_never_shared() -> None:
    held = Held()
    one, adapter = gatherer(), ScriptedAdapter(held)
    checks = [asyncio.create_task(run(one, adapter, plan(SIM), job(operator_token="t"))) for _ in range(2)]
    await settle()
    held.go.set()
    await asyncio.gather(*checks)
    assert len(adapter.asked) == 2


async def test_the_call_outlives_the_one_who_started_it_and_not_the_last() -> None:
    held = Held()
    one, adapter = gatherer(), ScriptedAdapter(held)
    leader, follower, last = (asyncio.create_task(run(one, adapter, plan(SIM), job())) for _ in range(3))
    await settle()
    leader.cancel()
    await asyncio.wait([leader])
    follower.cancel()
    await asyncio.wait([follower])
    assert (held.cancelled, len(adapter.asked)) == (0, 1)
    last.cancel()
    await asyncio.wait([last])
    await settle()
    assert held.cancelled == 1
    assert one._flights._flights == {}


async def test_a_follower_waits_no_longer_than_its_own_deadline() -> None:
    held = Held()
    one, adapter = gatherer(), ScriptedAdapter(held)
    leader = asyncio.create_task(run(one, adapter, plan(SIM), job()))
    await settle()
    late = (await run(one, adapter, plan(SIM), job(0.02)))[SIM]
    assert isinstance(late, Unavailable)
    assert late.reason is Unavailability.LATE
    held.go.set()
    assert isinstance((await leader)[SIM], Observed)


@pytest.mark.parametrize(
    ("reason", "calls"),
    [
        (Unavailability.TIMEOUT, 2),
        (Unavailability.OPERATOR_ERROR, 2),
        (Unavailability.MALFORMED, 2),
        (Unavailability.UNKNOWN_SUBSCRIBER, 1),
        (Unavailability.BREAKER_OPEN, 1),
    ],
)
async def test_followers_elect_one_new_leader_once_when_the_first_failed(reason: Unavailability, calls: int) -> None:
    held = Held(reason)
    one, adapter = gatherer(), ScriptedAdapter(held)
    checks = [asyncio.create_task(run(one, adapter, plan(SIM), job())) for _ in range(50)]
    await settle()
    held.go.set()
    answers = await asyncio.gather(*checks)
    assert len(adapter.asked) == calls
    assert all(isinstance(each[SIM], Unavailable) for each in answers)
    assert one._flights._flights == {}
