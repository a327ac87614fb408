"""R5, R6, R8 and R30: plans run against operators in trouble, through every guard, in virtual time."""

import asyncio
import gc
import math
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from random import Random

import msgspec
import pytest

from broker.adapter_kit.adapter import Adapter, Capability, ClosedAdapter, SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.domain.decision import ActionClass
from broker.domain.phone import PhoneNumber
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import (
    AgeRange,
    Flag,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Source,
    Unavailability,
    Unavailable,
    Value,
)
from broker.operators.guards.breaker import BreakerState, EgressWatch
from broker.operators.guards.compose import Guarded, guard
from broker.operators.guards.limits import GuardLimits
from broker.signals.freshness import Freshness
from broker.signals.gather import Errand, Gatherer
from tests.support.virtual_time import VirtualClock, percentile, run_virtually

CLOCK = VirtualClock()
SIM = SignalName.SIM_SWAP
VALUES: Mapping[SignalName, Value] = {
    SIM: AgeRange(1e7, 1e7),
    SignalName.DEVICE_SWAP: AgeRange(1e7, 1e7),
    SignalName.CALL_FORWARDING: Flag(active=False),
    SignalName.LOCATION: Presence(Overlap.INSIDE),
}
FOUR = tuple(VALUES)
LEFT_S = 1.35  # of the default deadline of a check, what its reserve leaves for operators
TOLERANCE_S = 0.05
Latency = Callable[[], float]
DOWN = math.inf
"""A latency of an operator that refuses at once."""


class Operator(ClosedAdapter):
    """Takes as long as it is told. Like the real transport it gives up at the question's deadline, and says so."""

    def __init__(self, name: str, latency: Latency) -> None:
        super().__init__(name)
        self.latency = latency
        self.asked = 0

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        return {name: Capability(name, name, "1") for name in FOUR}

    async def observe(self, query: SignalQuery) -> Signal:
        self.asked += 1
        takes_s = self.latency()
        if takes_s == DOWN:
            return Unavailable(query.signal, Unavailability.OPERATOR_ERROR, "UNAVAILABLE")
        left_s = max(0.0, query.deadline_s - CLOCK.monotonic_s())
        await asyncio.sleep(min(takes_s, left_s))
        if takes_s > left_s:
            return Unavailable(query.signal, Unavailability.TIMEOUT, KitCode.ATTEMPT_TIMEOUT)
        source = Source(self.operator, query.signal, "1")
        return Observed(query.signal, VALUES[query.signal], CLOCK.now(), source)


def guarded(operator: Operator, watch: EgressWatch | None = None) -> Guarded:
    return guard(operator, GuardLimits(), CLOCK, Random(operator.operator), watch or EgressWatch(3, 30))


def around(p50_s: float, seed: int, spread: float = 0.3) -> Latency:
    random = Random(seed)
    return lambda: random.lognormvariate(math.log(p50_s), spread)


class Checks:
    """Asks operators at a steady rate, each time about somebody else, and notes how long it took and what came."""

    def __init__(self, *names: SignalName) -> None:
        self._gatherer = Gatherer(Freshness(entries_max=0), CLOCK)
        items = tuple(PlanItem(name, required=False, max_age_s=0) for name in names)
        self._plan = Plan("payment", 1, ActionClass.MEDIUM, items, (), 1500)
        self._subjects = 0
        self.took_s: list[tuple[float, str, float]] = []
        self.got: list[Signal] = []
        self.tasks_max = 0

    async def check(self, adapter: Adapter) -> None:
        self._subjects += 1
        started_s = CLOCK.monotonic_s()
        query = SignalQuery(SIM, PhoneNumber("+34600000101"), "FraudPreventionAndDetection", "c", started_s + LEFT_S)
        self.got += await self._gatherer.gather(
            self._plan, adapter, Errand("acme", str(self._subjects).encode(), query), {}
        )
        self.took_s.append((started_s, adapter.operator, CLOCK.monotonic_s() - started_s))

    async def steadily(self, adapter: Adapter, per_s: float, until_s: float) -> None:
        async with asyncio.TaskGroup() as group:
            while CLOCK.monotonic_s() < until_s:
                group.create_task(self.check(adapter))
                self.tasks_max = max(self.tasks_max, len(asyncio.all_tasks()))
                await asyncio.sleep(1 / per_s)

    def p99_s(self, operator: str, from_s: float, to_s: float) -> float:
        return percentile([took for at, who, took in self.took_s if who == operator and from_s <= at < to_s], 0.99)


def in_time(checks: Checks) -> float:
    """The share of checks that were answered within the deadline and its tolerance."""
    return sum(took <= LEFT_S + TOLERANCE_S for _, _, took in checks.took_s) / len(checks.took_s)


@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=[pytest.mark.proof, pytest.mark.timeout(1800)])])
def test_r30_deadlines_hold_whatever_the_tail(count: int) -> None:
    """Median 60 ms, and one answer in a thousand takes longer than twenty seconds."""
    checks = Checks(*FOUR)

    async def story() -> None:
        adapter = guarded(Operator("alba", around(0.06, seed=30, spread=math.log(20 / 0.06) / 3.09))).adapter
        await checks.steadily(adapter, 40, count / 40)

    run_virtually(story())
    assert len(checks.took_s) >= count
    assert in_time(checks) >= 0.999
    assert sum(isinstance(signal, Observed) for signal in checks.got) > 0.8 * len(checks.got)


def test_r5_a_brown_out_of_two_minutes_is_noticed_and_forgotten_and_nobody_else_feels_it() -> None:
    slow, well = Operator("slow", around(0.3, 1)), Operator("well", around(0.05, 2))
    checks = Checks(SIM)
    opened_s: list[float] = []
    closed_s: list[float] = []

    async def watch(of: Guarded, until_s: float) -> None:
        while CLOCK.monotonic_s() < until_s:
            state = of.breaker.state(SIM)
            if state is BreakerState.OPEN and not opened_s:
                opened_s.append(CLOCK.monotonic_s())
            if opened_s and CLOCK.monotonic_s() > 180 and state is BreakerState.CLOSED and not closed_s:
                closed_s.append(CLOCK.monotonic_s())
            await asyncio.sleep(0.1)

    async def story() -> None:
        one, other = guarded(slow), guarded(well)
        async with asyncio.TaskGroup() as group:
            group.create_task(checks.steadily(one.adapter, 10, 300))
            group.create_task(checks.steadily(other.adapter, 10, 300))
            group.create_task(watch(one, 300))
            await asyncio.sleep(60)
            slow.latency = around(3.0, 3)
            await asyncio.sleep(120)
            slow.latency = around(0.3, 4)

    run_virtually(story())
    assert in_time(checks) >= 0.999
    assert opened_s[0] - 60 <= 10
    assert closed_s[0] - 180 <= 60
    assert checks.p99_s("well", 60, 180) <= 1.1 * checks.p99_s("well", 0, 60)


@pytest.mark.parametrize(("per_s", "share"), [(10, 0.97), (60, 0.65)])
def test_an_operator_that_became_ten_times_slower_for_good_is_still_heard(per_s: float, share: float) -> None:
    """Within what a check can wait for, slower is not broken: calls get more time as soon as one was cut off.

    Under load so many are cut off together that its breaker opens once, and the first probe closes it.
    """
    operator = Operator("alba", around(0.05, 5))
    checks = Checks(SIM)

    async def story() -> None:
        adapter = guarded(operator).adapter
        await checks.steadily(adapter, per_s, 120)  # its timeout has been learnt
        operator.latency = around(0.5, 6)
        checks.got.clear()
        await checks.steadily(adapter, per_s, 240)

    run_virtually(story())
    heard = sum(isinstance(signal, Observed) for signal in checks.got)
    assert heard > share * len(checks.got)


def held_bytes() -> int:
    """What guards and gathering hold of the memory that is traced."""
    gc.collect()
    ours = [
        tracemalloc.Filter(inclusive=True, filename_pattern=f"*/broker/{room}/*") for room in ("operators", "signals")
    ]
    return sum(one.size for one in tracemalloc.take_snapshot().filter_traces(ours).statistics("filename"))


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_r6_with_half_of_the_operators_silent_tasks_and_memory_are_bounded() -> None:
    silent = [Operator(f"silent{number}", lambda: 3600.0) for number in range(2)]
    well = [Operator(f"well{number}", around(0.05, number)) for number in range(2)]
    checks = Checks(*FOUR)
    heard: set[str] = set()
    held: list[int] = []

    async def weigh() -> None:
        for _ in range(3):
            await asyncio.sleep(7)
            heard.update(signal.source.operator for signal in checks.got if isinstance(signal, Observed))
            checks.got.clear()  # what came belongs to the test
            held.append(held_bytes())

    async def story() -> None:
        adapters = [guarded(operator).adapter for operator in (*silent, *well)]
        async with asyncio.TaskGroup() as group:
            group.create_task(weigh())
            for adapter in adapters:
                group.create_task(checks.steadily(adapter, 20, 24))

    run_virtually(story())
    assert in_time(checks) >= 0.999
    # At most the checks that can be under way at once, each with a task for itself and for each of its four questions.
    assert checks.tasks_max <= 5 * math.ceil(4 * 20 * (LEFT_S + TOLERANCE_S)) + 10
    assert heard == {"well0", "well1"}
    assert held[2] < held[0] + 64 * 1024, held


def test_r8_a_flapping_operator_moves_its_breaker_seldom_and_gets_few_retries() -> None:
    """Five seconds up, five seconds down, for twenty minutes."""
    operator = Operator("alba", lambda: DOWN if int(CLOCK.monotonic_s() / 5) % 2 else 0.05)
    checks = Checks(SIM)
    moves: list[BreakerState] = []

    async def watch(of: Guarded) -> None:
        while CLOCK.monotonic_s() < 1200:
            state = of.breaker.state(SIM)
            if state is not BreakerState.HALF_OPEN and (not moves or moves[-1] is not state):
                moves.append(state)
            await asyncio.sleep(0.05)

    async def story() -> None:
        one = guarded(operator)
        async with asyncio.TaskGroup() as group:
            group.create_task(checks.steadily(one.adapter, 10, 1200))
            group.create_task(watch(one))

    run_virtually(story())
    assert 2 < len(moves) - 1 <= 1200 / 30
    reached = len(checks.took_s) - sum(
        isinstance(signal, Unavailable) and signal.reason is Unavailability.BREAKER_OPEN for signal in checks.got
    )
    assert operator.asked - reached <= 0.1 * len(checks.took_s)


def test_a_question_is_not_changed_by_the_guards_but_for_its_deadline() -> None:
    seen: list[SignalQuery] = []

    class Noting(Operator):
        async def observe(self, query: SignalQuery) -> Signal:
            seen.append(query)
            return await super().observe(query)

    checks = Checks(SIM)
    run_virtually(checks.check(guarded(Noting("alba", around(0.05, 9))).adapter))
    assert seen[0].deadline_s < LEFT_S
    assert msgspec.structs.replace(seen[0], deadline_s=LEFT_S).phone == PhoneNumber("+34600000101")
