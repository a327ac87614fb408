"""Hop 8 in waves: what is asked when, and that waves never cost a check its deadline."""

import asyncio
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from broker.adapter_kit.adapter import Adapter, Capability, ClosedAdapter, SignalQuery
from broker.clock import SystemClock
from broker.domain.check import Circle
from broker.domain.cost import Tariff
from broker.domain.decision import ActionClass
from broker.domain.phone import PhoneNumber
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.policy import extremes
from broker.policy.waves import WaveMemory, WavePlanner
from broker.policy.what_if import WhatIf
from broker.signals.freshness import Freshness
from broker.signals.gather import Errand, Gatherer
from broker.usecases.asking import Answers, Asking, AskingTools
from tests.unit.policy.kit import shipped, table

SIM, DEVICE, PLACE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION
RECYCLING, TENURE, CLAIMS = SignalName.NUMBER_RECYCLING, SignalName.KYC_TENURE, SignalName.KYC_MATCH
POSSESSION = SignalName.NUMBER_VERIFICATION
NAMES = (SIM, POSSESSION, DEVICE, PLACE, RECYCLING, TENURE, CLAIMS)
HIGH = ActionClass.HIGH


class Operator(ClosedAdapter):
    """Says what it is told to, after waiting for leave where it is told to wait."""

    def __init__(
        self, answers: Mapping[SignalName, str] | None = None, slow: frozenset[SignalName] = frozenset()
    ) -> None:
        super().__init__("north")
        self.asked: list[SignalName] = []
        self.leave = asyncio.Event()
        self.heard_all = asyncio.Event()
        self._answers = answers or {}
        self._slow = slow

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        return {name: Capability(name, name.value, "1") for name in NAMES}

    async def observe(self, query: SignalQuery) -> Signal:
        self.asked.append(query.signal)
        if set(self.asked) == set(NAMES):
            self.heard_all.set()
        if query.signal in self._slow:
            await self.leave.wait()
        now, source = SystemClock().now(), Source("north", query.signal.value, "1")
        if query.signal in self._answers:
            state = self._answers[query.signal]
            return Observed(query.signal, extremes.supposed(query.signal, state, now).value, now, source)
        return Observed(query.signal, extremes.clean(query.signal, now).value, now, source)


async def ask(
    operator: Adapter, *, deadline_s: float = 5.0, typical_ms: float = 50.0, recalled: bool = False
) -> Answers:
    clock = SystemClock()
    document = shipped()["credential"]
    rules = document.rules(HIGH)
    tariffs = {name: Tariff(Decimal("0.02"), "EUR", typical_ms) for name in NAMES}
    planner = WavePlanner(table(), rules, WhatIf(table(), document, rules, clock.now()), tariffs, clock.now())
    plan = Plan("credential", 1, HIGH, tuple(PlanItem(name, False, 0.0) for name in NAMES), (), 5000)  # noqa: FBT003
    query = SignalQuery(
        signal=SIM,
        phone=PhoneNumber.parse("+34600000101"),
        purpose="FraudPreventionAndDetection",
        correlator="c",
        deadline_s=clock.monotonic_s() + deadline_s,
        location=Circle(40.0, -3.0, 5000.0),
        bound_since=date(2024, 5, 1),
        tenant="acme",
    )
    known = {SIM: extremes.worst(SIM, clock.now())} if recalled else {}
    tools = AskingTools(Gatherer(Freshness(entries_max=10), clock), clock, WaveMemory())
    return await Asking(tools, operator, tariffs)(plan, Errand("acme", b"s", query), known, planner)


def skipped(answers: Answers) -> set[SignalName]:
    return {
        one.name for one in answers.signals if isinstance(one, Unavailable) and one.reason is Unavailability.SKIPPED
    }


async def test_when_all_is_well_one_wave_is_enough_and_the_rest_is_left() -> None:
    operator = Operator()
    answers = await ask(operator)
    assert {one.name for one in answers.signals} == set(NAMES)
    assert skipped(answers) == {DEVICE, TENURE}
    assert answers.asked == set(operator.asked) == {SIM, POSSESSION, PLACE, RECYCLING, CLAIMS}


@pytest.mark.parametrize(("age", "next_asked", "left"), [("7d", DEVICE, TENURE), ("24h", TENURE, DEVICE)])
async def test_what_came_decides_what_is_asked_next(age: str, next_asked: SignalName, left: SignalName) -> None:
    operator = Operator({SIM: age})
    answers = await ask(operator)
    assert operator.asked[-1] is next_asked
    assert answers.asked == set(operator.asked)
    assert skipped(answers) == {left}


async def test_nothing_is_asked_where_what_is_remembered_decides() -> None:
    operator = Operator({POSSESSION: "mismatch"})
    answers = await ask(operator, recalled=True)
    assert SIM not in operator.asked
    assert {one.name for one in answers.signals} == set(NAMES)


async def test_a_tight_deadline_leaves_no_room_for_waves() -> None:
    operator = Operator()
    answers = await ask(operator, deadline_s=1.0, typical_ms=300.0)
    assert set(operator.asked) == set(NAMES) == answers.asked


async def test_a_slow_first_wave_lets_the_rest_be_asked_meanwhile() -> None:
    operator = Operator(slow=frozenset({SIM}))
    asking = asyncio.create_task(ask(operator, typical_ms=10.0))
    async with asyncio.timeout(5):
        await operator.heard_all.wait()
    operator.leave.set()
    answers = await asking
    assert not skipped(answers)
    assert all(isinstance(one, Observed) for one in answers.signals)


async def test_an_operator_that_never_answers_is_late_and_nothing_lingers() -> None:
    operator = Operator(slow=frozenset(NAMES))
    answers = await ask(operator, deadline_s=0.3, typical_ms=10.0)
    assert {one.name for one in answers.signals} == set(NAMES)
    assert {one.reason for one in answers.signals if isinstance(one, Unavailable)} == {Unavailability.LATE}
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("slow", [frozenset({SIM}), frozenset(NAMES)])
async def test_giving_up_takes_the_calls_along(slow: frozenset[SignalName]) -> None:
    asking = asyncio.create_task(ask(Operator(slow=slow), typical_ms=10.0))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
