import asyncio
from random import Random

import pytest

from broker.adapter_kit.adapter import SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.operators.guards.breaker import Breaker, BreakerState, EgressWatch
from broker.operators.guards.limits import GuardLimits
from tests.support.clocks import HandClock
from tests.unit.operators.guarded import SIM, Acting, bad, down, good, question

LIMITS = GuardLimits(breaker_jitter_share=0)
ERROR, TIMEOUT, MALFORMED = Unavailability.OPERATOR_ERROR, Unavailability.TIMEOUT, Unavailability.MALFORMED


def breaker(inner: Acting, clock: HandClock, limits: GuardLimits = LIMITS, watch: EgressWatch | None = None) -> Breaker:
    return Breaker(inner, limits, clock, Random(7), watch or EgressWatch(1, 30), lambda _: 1.2)


async def ask(guard: Breaker, clock: HandClock, times: int = 1) -> list[Signal]:
    return [await guard.observe(question(clock)) for _ in range(times)]


@pytest.mark.parametrize(
    ("reason", "code", "took_s", "opens"),
    [
        (ERROR, "UNAVAILABLE", 0, True),
        (ERROR, KitCode.INTERNAL, 0, True),
        (ERROR, KitCode.HTTP_SERVER_ERROR, 0, True),
        (ERROR, KitCode.CONNECT_FAILED, 0, True),
        (MALFORMED, KitCode.NOT_JSON, 0, True),
        (MALFORMED, KitCode.RESPONSE_TOO_LARGE, 0, True),
        (TIMEOUT, KitCode.ATTEMPT_TIMEOUT, 1.0, True),
        (TIMEOUT, KitCode.ATTEMPT_TIMEOUT, 0.01, False),
        (TIMEOUT, KitCode.CONNECT_TIMEOUT, 0.01, True),
        (TIMEOUT, KitCode.POOL_TIMEOUT, 1.0, False),
        (TIMEOUT, KitCode.DEADLINE, 1.0, False),
        (ERROR, "TOO_MANY_REQUESTS", 0, False),
        (ERROR, "QUOTA_EXCEEDED", 0, False),
        (ERROR, "INVALID_ARGUMENT", 0, False),
        (ERROR, "BULKHEAD_FULL", 0, False),
        (Unavailability.NOT_APPLICABLE, "SERVICE_NOT_APPLICABLE", 0, False),
        (Unavailability.NOT_PERMITTED, "PERMISSION_DENIED", 0, False),
        (Unavailability.UNKNOWN_SUBSCRIBER, "IDENTIFIER_NOT_FOUND", 0, False),
        (Unavailability.UNSUPPORTED, "NOT_FOUND", 0, False),
    ],
)
async def test_five_in_a_row_open_it_when_they_are_the_operators_fault(
    reason: Unavailability, code: str, took_s: float, opens: bool
) -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(bad(reason, code, clock, took_s)), clock)
    await ask(guard, clock, 4)
    assert guard.state(SIM) is BreakerState.CLOSED
    await ask(guard, clock, 20)
    assert (guard.state(SIM) is BreakerState.OPEN) is opens
    assert len(inner.asked) == (5 if opens else 24)


async def test_an_open_one_answers_with_its_reason_and_another_api_is_not_concerned() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    await ask(guard, clock, 5)
    answer = (await ask(guard, clock))[0]
    assert isinstance(answer, Unavailable)
    assert (answer.reason, answer.code) == (Unavailability.BREAKER_OPEN, "BREAKER_OPEN")
    assert answer.source is not None
    inner.act = good(clock)
    assert isinstance(await guard.observe(question(clock, signal=SignalName.DEVICE_SWAP)), Observed)


async def test_half_of_twenty_calls_open_it_without_five_in_a_row() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    for turn in range(20):
        assert guard.state(SIM) is BreakerState.CLOSED
        inner.act = down() if turn % 2 else good(clock)
        await ask(guard, clock)
    assert guard.state(SIM) is BreakerState.OPEN


async def test_failures_that_lie_far_apart_do_not_add_up() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    for turn in range(60):
        inner.act = down() if turn % 2 else good(clock)
        await ask(guard, clock)
        clock.advance(0.6)
    assert guard.state(SIM) is BreakerState.CLOSED


async def test_half_open_lets_one_probe_through() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    await ask(guard, clock, 5)
    clock.advance(29.9)
    await ask(guard, clock)
    assert len(inner.asked) == 5
    clock.advance(0.2)
    gate = asyncio.Event()

    async def slow(query: SignalQuery) -> Signal:
        await gate.wait()
        return await good(clock)(query)

    inner.act = slow
    probe = asyncio.create_task(guard.observe(question(clock)))
    await asyncio.sleep(0)
    assert guard.state(SIM) is BreakerState.HALF_OPEN
    assert all(isinstance(answer, Unavailable) for answer in await ask(guard, clock, 10))
    gate.set()
    assert isinstance(await probe, Observed)
    assert (guard.state(SIM), len(inner.asked)) == (BreakerState.CLOSED, 6)


async def test_a_probe_that_is_given_up_makes_room_for_another() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    await ask(guard, clock, 5)
    clock.advance(31)

    async def never(query: SignalQuery) -> Signal:
        await asyncio.Event().wait()
        return await good(clock)(query)

    inner.act = never
    probe = asyncio.create_task(guard.observe(question(clock)))
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.wait([probe])
    inner.act = good(clock)
    assert isinstance((await ask(guard, clock))[0], Observed)


async def test_a_failed_probe_waits_as_long_as_the_one_before() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    await ask(guard, clock, 5)
    assert [await span_s(guard, inner, clock) for _ in range(5)] == pytest.approx([30] * 5, abs=1)


async def test_each_opening_soon_after_the_last_lasts_longer_up_to_the_cap() -> None:
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock)
    spans = []
    for _ in range(13):
        inner.act = down()
        await ask(guard, clock, 5)
        inner.act = good(clock)
        spans.append(await span_s(guard, inner, clock))
        assert guard.state(SIM) is BreakerState.CLOSED
    assert spans == pytest.approx([*range(30, 300, 30), 300, 300, 300, 300], abs=1)
    clock.advance(301)
    inner.act = down()
    await ask(guard, clock, 5)
    assert await span_s(guard, inner, clock) == pytest.approx(30, abs=1)


async def span_s(guard: Breaker, inner: Acting, clock: HandClock) -> float:
    """How long it takes until somebody is let through again."""
    asked, since_s = len(inner.asked), clock.monotonic_s()
    while len(inner.asked) == asked:
        clock.advance(1)
        await ask(guard, clock)
    return clock.monotonic_s() - since_s


async def test_calls_that_are_cancelled_at_their_deadline_count() -> None:
    clock = HandClock()

    async def browned_out(query: SignalQuery) -> Signal:
        clock.advance(1.5)
        raise asyncio.CancelledError

    guard = breaker(Acting(browned_out), clock)
    for _ in range(5):
        with pytest.raises(asyncio.CancelledError):
            await guard.observe(question(clock, 1.5))
    assert guard.state(SIM) is BreakerState.OPEN


@pytest.mark.parametrize(("after_s", "opens"), [(1.1, False), (1.2, True)])
async def test_who_gives_up_sooner_than_calls_need_accuses_nobody(after_s: float, opens: bool) -> None:
    clock = HandClock()

    async def given_up(query: SignalQuery) -> Signal:
        clock.advance(after_s)
        raise asyncio.CancelledError

    guard = breaker(Acting(given_up), clock)
    for _ in range(5):
        with pytest.raises(asyncio.CancelledError):
            await guard.observe(question(clock, after_s))
    assert (guard.state(SIM) is BreakerState.OPEN) is opens


async def test_a_flapping_operator_moves_it_seldom() -> None:
    """R8: five seconds up, five down, for twenty minutes at ten questions a second."""
    clock = HandClock()
    guard = breaker(inner := Acting(down()), clock, GuardLimits())
    states = [guard.state(SIM)]
    for tick in range(12_000):
        inner.act = down() if tick // 50 % 2 else good(clock)
        await ask(guard, clock)
        clock.advance(0.1)
        if guard.state(SIM) is not states[-1]:
            states.append(guard.state(SIM))
    assert 2 < len(states) - 1 <= 1200 / 30


async def test_when_most_operators_fail_at_once_it_is_probably_us() -> None:
    clock, watch = HandClock(), EgressWatch(3, 30)
    guards = [breaker(Acting(down(), name), clock, LIMITS, watch) for name in ("alba", "borealis", "cetus")]
    for guard in guards:
        await ask(guard, clock, 5)
    assert watch.suspect
    for _ in range(10):
        clock.advance(30.1)  # never extended: each is a probe again after the first span
        for guard in guards:
            asked = len(guard._inner.asked)  # type: ignore[attr-defined]
            await ask(guard, clock)
            assert len(guard._inner.asked) == asked + 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("failing", "of", "suspect"), [(1, 1, False), (1, 2, False), (2, 2, True), (2, 4, False), (3, 4, True)]
)
def test_more_than_half_and_at_least_two(failing: int, of: int, suspect: bool) -> None:
    watch = EgressWatch(of, 30)
    for number in range(failing):
        watch.opened(str(number), 100.0 + number)
    assert watch.suspect is suspect
    watch.closed("0")
    assert not watch.suspect


def test_operators_that_fail_one_after_the_other_are_their_own_fault() -> None:
    watch = EgressWatch(2, 30)
    watch.opened("alba", 100.0)
    watch.opened("borealis", 131.0)
    assert not watch.suspect
