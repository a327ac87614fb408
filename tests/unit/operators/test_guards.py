import asyncio
from itertools import pairwise
from random import Random

import msgspec
import pytest

from broker.adapter_kit.adapter import CeremonyProof, SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.clock import SystemClock
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.operators.guards.attempt import AttemptTimeout, Latencies
from broker.operators.guards.breaker import BreakerState, EgressWatch
from broker.operators.guards.bulkhead import Bulkhead
from broker.operators.guards.compose import guard
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.retry import Retry
from broker.operators.guards.throttle import Throttle
from broker.operators.guards.verdicts import failed
from tests.support.clocks import HandClock
from tests.support.turns import settle
from tests.support.virtual_time import VirtualClock, run_virtually
from tests.unit.operators.guarded import SIM, Acting, bad, down, good, hanging, question, steady

ERROR, TIMEOUT = Unavailability.OPERATOR_ERROR, Unavailability.TIMEOUT
AT_ONCE = GuardLimits(retry_wait_min_ms=0, retry_wait_max_ms=0)


def codes(answers: list[Signal]) -> list[str | None]:
    return [answer.code if isinstance(answer, Unavailable) else None for answer in answers]


class Gate:
    """Calls wait at it, in the order in which they came."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.waiting: list[tuple[SignalQuery, asyncio.Event]] = []

    async def __call__(self, query: SignalQuery) -> Signal:
        event = asyncio.Event()
        self.waiting.append((query, event))
        await event.wait()
        return await good(self.clock)(query)


async def test_a_bulkhead_lets_so_many_in_then_the_newest_and_drops_the_oldest() -> None:
    clock = HandClock()
    gate = Gate(clock)
    limits = GuardLimits(operator_in_flight_max=9, api_in_flight_max=2, queue_max=2)
    bulkhead = Bulkhead(Acting(gate), limits, clock)
    tasks = []
    for number in range(5):  # 0 and 1 get in, 2 is pushed out by 4, 3 and 4 wait
        query = msgspec.structs.replace(question(clock, 60), correlator=str(number))
        tasks.append(asyncio.create_task(bulkhead.observe(query)))
        await settle()
    assert codes([await tasks[2]]) == ["BULKHEAD_FULL"]
    other = asyncio.create_task(bulkhead.observe(question(clock, 60, SignalName.DEVICE_SWAP)))
    await settle()
    assert [query.correlator for query, _ in gate.waiting] == ["0", "1", "c"]
    gate.waiting[0][1].set()
    await settle()
    assert gate.waiting[-1][0].correlator == "4"
    for place in range(5):
        gate.waiting[place][1].set()
        await settle()
    assert codes([await task for task in (*tasks[:2], *tasks[3:], other)]) == [None] * 5
    assert (bulkhead._total, bulkhead._queue, bulkhead._in_flight[SIM]) == (0, [], 0)


async def test_who_waits_is_refused_after_a_share_of_its_time_or_leaves_when_cancelled() -> None:
    clock = HandClock()
    gate = Gate(clock)
    bulkhead = Bulkhead(Acting(gate), GuardLimits(api_in_flight_max=1), clock)
    inside = asyncio.create_task(bulkhead.observe(question(clock, 60)))
    await settle()
    assert codes([await bulkhead.observe(question(clock, 0.05))]) == ["BULKHEAD_FULL"]
    assert codes([await bulkhead.observe(question(clock, 0))]) == ["BULKHEAD_FULL"]
    leaving = asyncio.create_task(bulkhead.observe(question(clock, 60)))
    await settle()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert bulkhead._queue == []
    inside.cancel()
    await asyncio.wait([inside])
    assert bulkhead._total == 0


async def test_a_place_that_comes_together_with_a_cancellation_is_given_back() -> None:
    clock = HandClock()
    gate = Gate(clock)
    bulkhead = Bulkhead(Acting(gate), GuardLimits(api_in_flight_max=1), clock)
    inside, waiting = (asyncio.create_task(bulkhead.observe(question(clock, 60))) for _ in range(2))
    await settle()
    bulkhead._leave(SIM)  # hands the place over
    bulkhead._total, bulkhead._in_flight[SIM] = 2, 2
    waiting.cancel()
    inside.cancel()
    await asyncio.wait([inside, waiting])
    assert bulkhead._total == 0


@pytest.mark.parametrize(
    ("reason", "code", "signal", "attempts"),
    [
        (ERROR, "UNAVAILABLE", SIM, 2),
        (ERROR, "BAD_GATEWAY", SIM, 2),
        (ERROR, "TIMEOUT", SIM, 2),
        (ERROR, KitCode.CONNECT_FAILED, SIM, 2),
        (TIMEOUT, KitCode.CONNECT_TIMEOUT, SIM, 2),
        (TIMEOUT, KitCode.ATTEMPT_TIMEOUT, SIM, 2),
        (ERROR, KitCode.INTERNAL, SIM, 1),
        (ERROR, "TOO_MANY_REQUESTS", SIM, 1),
        (ERROR, "QUOTA_EXCEEDED", SIM, 1),
        (Unavailability.MALFORMED, KitCode.NOT_JSON, SIM, 1),
        (Unavailability.NOT_PERMITTED, "PERMISSION_DENIED", SIM, 1),
        (ERROR, "UNAVAILABLE", SignalName.NUMBER_VERIFICATION, 1),
    ],
)
async def test_one_retry_where_it_can_help(
    reason: Unavailability, code: str, signal: SignalName, attempts: int
) -> None:
    clock = HandClock()
    inner = Acting(bad(reason, code))
    await Retry(inner, AT_ONCE, clock, Random(1)).observe(question(clock, signal=signal))
    assert len(inner.asked) == attempts


async def test_no_retry_with_a_token_of_one_use_or_without_time() -> None:
    clock = HandClock()
    inner = Acting(down())
    retry = Retry(inner, GuardLimits(), clock, Random(1))
    await retry.observe(msgspec.structs.replace(question(clock), operator_token="t"))
    await retry.observe(msgspec.structs.replace(question(clock), proof=CeremonyProof("c", "v", "r", "s")))
    await retry.observe(question(clock, 0.001))
    assert len(inner.asked) == 3


@pytest.mark.parametrize(("requests", "retries"), [(3, 3), (30, 3), (200, 20)])
async def test_retries_stay_within_a_tenth_or_the_floor_and_the_budget_comes_back(requests: int, retries: int) -> None:
    clock = HandClock()
    inner = Acting(down())
    retry = Retry(inner, AT_ONCE, clock, Random(1))
    for _ in range(requests):
        await retry.observe(question(clock))
    assert len(inner.asked) == requests + retries
    clock.advance(61)
    await retry.observe(question(clock))
    assert len(inner.asked) == requests + retries + 2


async def test_a_429_pauses_its_api_and_longer_each_time() -> None:
    clock = HandClock()
    inner = Acting(bad(ERROR, "TOO_MANY_REQUESTS"))
    throttle = Throttle(inner, GuardLimits(), clock)
    asked_at = []
    for _ in range(200):
        before = len(inner.asked)
        assert codes([await throttle.observe(question(clock))]) == ["TOO_MANY_REQUESTS"]
        if len(inner.asked) > before:
            asked_at.append(clock.monotonic_s())
        clock.advance(0.5)
    gaps = [late - early for early, late in pairwise(asked_at)]
    assert gaps == [1, 2, 4, 8, 16, 30, 30]
    inner.act = good(clock)
    assert isinstance(await throttle.observe(question(clock, signal=SignalName.LOCATION)), Observed)
    clock.advance(31)
    assert isinstance(await throttle.observe(question(clock)), Observed)


@pytest.mark.parametrize(
    ("code", "asked_s", "gaps"),
    [
        ("TOO_MANY_REQUESTS", 7.0, [7, 7, 7]),
        ("TOO_MANY_REQUESTS", 0.0, [1, 2, 4]),
        ("TOO_MANY_REQUESTS", 86_400.0, [600, 600, 600]),
        ("QUOTA_EXCEEDED", None, [60, 60, 60]),
        ("QUOTA_EXCEEDED", 300.0, [300, 300, 300]),
    ],
)
async def test_an_operator_that_says_for_how_long_is_obeyed_up_to_a_maximum(
    code: str, asked_s: float | None, gaps: list[float]
) -> None:
    clock = HandClock()
    inner = Acting(bad(ERROR, code, retry_after_s=asked_s))
    throttle = Throttle(inner, GuardLimits(), clock)
    asked_at: list[float] = []
    while len(asked_at) < 4:
        before = len(inner.asked)
        assert codes([await throttle.observe(question(clock))]) == [code]
        asked_at += [clock.monotonic_s()] * (len(inner.asked) - before)
        clock.advance(0.5)
    assert [late - early for early, late in pairwise(asked_at)] == gaps


async def test_of_questions_under_way_together_the_longest_wait_counts_and_no_older_answer_ends_it() -> None:
    clock = HandClock()
    asked_s = {"first": 5.0, "second": 20.0}
    gates = {name: asyncio.Event() for name in (*asked_s, "third")}

    async def act(query: SignalQuery) -> Signal:
        if query.correlator in gates:
            await gates[query.correlator].wait()
        if query.correlator in asked_s:
            return await bad(ERROR, "TOO_MANY_REQUESTS", retry_after_s=asked_s[query.correlator])(query)
        return await good(clock)(query)

    throttle = Throttle(inner := Acting(act), GuardLimits(), clock)
    queries = [msgspec.structs.replace(question(clock, 60), correlator=name) for name in gates]
    tasks = [asyncio.create_task(throttle.observe(query)) for query in queries]
    for task, gate in zip(tasks, gates.values(), strict=True):
        await settle()
        gate.set()
        await task
    clock.advance(19)
    assert codes([await throttle.observe(question(clock))]) == ["TOO_MANY_REQUESTS"]
    assert len(inner.asked) == 3
    clock.advance(2)
    assert isinstance(await throttle.observe(question(clock)), Observed)


async def test_a_tenant_with_short_deadlines_changes_nothing_for_another() -> None:
    """The operator needs 300 ms. One tenant never waits for more than 190, and asks a hundred times as often."""
    clock = HandClock()
    guarded = guard(
        Acting(steady(clock, 0.3)), GuardLimits(attempt_samples_min=64), clock, Random(1), EgressWatch(1, 30)
    )
    for turn in range(5000):
        hasty = await guarded.adapter.observe(question(clock, 0.19))
        assert codes([hasty]) == [KitCode.DEADLINE]
        if turn % 100 == 0:
            assert isinstance(await guarded.adapter.observe(question(clock, 1.35)), Observed)
    assert guarded.breaker.state(SIM) is BreakerState.CLOSED


async def test_quick_answers_to_a_hasty_tenant_do_not_shorten_the_time_of_others() -> None:
    clock = HandClock()
    attempt = AttemptTimeout(Acting(good(clock, 0.05)), GuardLimits(attempt_samples_min=64), clock)
    for _ in range(1000):
        await attempt.observe(question(clock, 0.1))
    assert attempt.timeout_s(SIM) == 1.2


async def test_an_operator_that_hangs_is_found_out_by_those_who_wait_long_enough() -> None:
    clock = HandClock()
    guarded = guard(Acting(hanging(clock)), AT_ONCE, clock, Random(1), EgressWatch(1, 30))
    for _ in range(3):
        await guarded.adapter.observe(question(clock, 1.35))
        await guarded.adapter.observe(question(clock, 0.19))
    assert guarded.breaker.state(SIM) is BreakerState.CLOSED
    for _ in range(2):
        await guarded.adapter.observe(question(clock, 1.35))
    assert guarded.breaker.state(SIM) is BreakerState.OPEN


def test_the_percentile_is_within_five_percent_and_forgets() -> None:
    random, latencies = Random(3), Latencies()
    values = [random.lognormvariate(-3, 0.8) for _ in range(25_000)]
    for value in values:
        latencies.add(value)
    exact = sorted(values[-10_000:])[-11]
    assert exact <= latencies.exceeded_s(0.001) <= exact * 1.06
    for _ in range(10_000):
        latencies.add(0.05)
    assert latencies.exceeded_s(0.001) == pytest.approx(0.05, rel=0.06)


@pytest.mark.parametrize(("took_s", "timeout_s"), [(0.01, 0.2), (0.5, 0.52), (1.1, 1.15), (9.0, 2.5)])
async def test_an_attempt_gets_what_calls_have_needed_within_bounds(took_s: float, timeout_s: float) -> None:
    clock = HandClock()
    inner = Acting(good(clock, took_s))
    attempt = AttemptTimeout(inner, GuardLimits(attempt_samples_min=64), clock)
    first = question(clock, 30)
    await attempt.observe(first)
    assert inner.asked[0].deadline_s == pytest.approx(first.deadline_s - 30 + 1.2)
    short = question(clock, 0.1)
    await attempt.observe(short)
    assert inner.asked[-1] is short
    for _ in range(70):
        await attempt.observe(question(clock, 30))
    assert attempt.timeout_s(SIM) == pytest.approx(timeout_s, rel=0.06)


async def test_with_less_time_than_half_of_all_answers_need_it_is_not_asked() -> None:
    clock = HandClock()
    inner = Acting(steady(clock, 0.3))
    attempt = AttemptTimeout(inner, GuardLimits(attempt_samples_min=64), clock)
    hopeless = Unavailable(SIM, TIMEOUT, KitCode.DEADLINE)
    assert await attempt.observe(question(clock, 0.2)) == hopeless
    assert len(inner.asked) == 1  # nothing was known yet
    for _ in range(64):
        await attempt.observe(question(clock, 1.35))
    inner.asked.clear()
    assert [await attempt.observe(question(clock, 0.2)) for _ in range(19)] == [hopeless] * 19
    assert inner.asked == []
    assert failed(hopeless, 1.0, 0.2) is None  # and nobody is to blame
    assert isinstance(await attempt.observe(question(clock, 0.35)), Observed)


async def test_one_that_became_quicker_is_found_out_by_those_who_have_little_time_themselves() -> None:
    clock = HandClock()
    inner = Acting(steady(clock, 0.3))
    attempt = AttemptTimeout(inner, GuardLimits(attempt_samples_min=64), clock)
    for _ in range(64):
        await attempt.observe(question(clock, 1.35))
    inner.act = steady(clock, 0.05)
    answers = [await attempt.observe(question(clock, 0.2)) for _ in range(3000)]
    assert sum(isinstance(answer, Observed) for answer in answers[:100]) == 5
    assert all(isinstance(answer, Observed) for answer in answers[-100:])


@pytest.mark.parametrize("seed", range(5))
def test_the_second_attempt_waits_for_a_moment_that_nobody_shares(seed: int) -> None:
    """Full jitter between 20 and 120 ms, or retries of many checks would arrive together."""
    waits: list[float] = []

    async def ask() -> None:
        clock = VirtualClock()
        random = Random(seed)
        for _ in range(40):
            retry = Retry(Acting(down()), GuardLimits(), clock, random)
            started_s = clock.monotonic_s()
            await retry.observe(msgspec.structs.replace(question(HandClock()), deadline_s=started_s + 1.5))
            waits.append(clock.monotonic_s() - started_s)

    run_virtually(ask())
    assert 0.02 <= min(waits) < 0.035
    assert 0.105 < max(waits) <= 0.1201


async def test_an_operator_that_became_slower_for_good_is_heard_again() -> None:
    clock = HandClock()
    inner = Acting(good(clock, 0.05))
    attempt = AttemptTimeout(inner, GuardLimits(attempt_samples_min=64), clock)
    for _ in range(1024):
        await attempt.observe(question(clock, 30))
    assert attempt.timeout_s(SIM) == 0.2
    inner.act = bad(TIMEOUT, KitCode.ATTEMPT_TIMEOUT)
    for _ in range(1024):
        await attempt.observe(question(clock, 30))
    assert attempt.timeout_s(SIM) > 1


async def test_all_guards_together_let_a_good_answer_through_and_close_what_they_hold() -> None:
    clock = HandClock()
    inner = Acting(good(clock))
    guarded = guard(inner, GuardLimits(), clock, Random(1), EgressWatch(1, 30)).adapter
    assert isinstance(await guarded.observe(question(clock)), Observed)
    assert (guarded.operator, guarded.capabilities) == (inner.operator, inner.capabilities)
    await guarded.aclose()
    assert inner.closed


async def test_guards_need_no_task_of_their_own() -> None:
    clock = SystemClock()
    inner = Acting(good(HandClock()))
    guarded = guard(inner, GuardLimits(), clock, Random(1), EgressWatch(1, 30)).adapter
    query = msgspec.structs.replace(question(HandClock()), deadline_s=clock.monotonic_s() + 60)
    tasks = len(asyncio.all_tasks())
    for _ in range(500):
        await guarded.observe(query)
    assert len(asyncio.all_tasks()) == tasks
