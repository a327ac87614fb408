import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from broker.adapter_kit.adapter import Capability, ClosedAdapter, SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.clock import SystemClock
from broker.domain.check import Circle
from broker.domain.decision import ActionClass
from broker.domain.phone import PhoneNumber
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import (
    AgeRange,
    Flag,
    Match,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Source,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.signals.freshness import Freshness
from broker.signals.gather import Errand, Gatherer
from tests.support.clocks import NOON, HandClock

VALUES: Mapping[SignalName, Value] = {
    SignalName.SIM_SWAP: AgeRange(1e7, 1e7),
    SignalName.LOCATION: Presence(Overlap.INSIDE),
    SignalName.NUMBER_VERIFICATION: Match(matched=True),
    SignalName.KYC_TENURE: Tenure(NOON.date(), continuous=True),
    SignalName.NUMBER_RECYCLING: Flag(active=False),
}
Answer = Callable[[SignalQuery], Awaitable[Signal]]


def observed(query: SignalQuery, clock: HandClock) -> Observed:
    source = Source("alba", query.signal, "1")
    return Observed(query.signal, VALUES[query.signal], clock.now(), source)


class ScriptedAdapter(ClosedAdapter):
    """Answers with what the test says, and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("alba")
        self._answer = answer
        self.asked: list[SignalQuery] = []

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        return {name: Capability(name, name, "1") for name in VALUES}

    async def observe(self, query: SignalQuery) -> Signal:
        self.asked.append(query)
        return await self._answer(query)


def plan(*names: SignalName, max_age_s: float = 0) -> Plan:
    items = tuple(PlanItem(name, required=False, max_age_s=max_age_s) for name in names)
    return Plan("payment", 1, ActionClass.MEDIUM, items, (), 1500)


def errand(deadline_s: float, **changed: object) -> Errand:
    query = SignalQuery(
        SignalName.SIM_SWAP, PhoneNumber("+34600000101"), "FraudPreventionAndDetection", "c", deadline_s
    )
    fields = {"tenant": "acme", "subject": b"s", "query": query}
    return Errand(**(fields | changed))  # type: ignore[arg-type]


async def run(gatherer: Gatherer, adapter: ScriptedAdapter, wanted: Plan, job: Errand) -> dict[SignalName, Signal]:
    signals = await gatherer.gather(wanted, adapter, job, gatherer.recall(wanted, adapter, job))
    assert len(signals) == len(wanted.items)
    return {signal.name: signal for signal in signals}


async def test_everything_is_asked_at_once() -> None:
    clock, together = HandClock(), asyncio.Barrier(len(VALUES))

    async def answer(query: SignalQuery) -> Signal:
        async with together:
            return observed(query, clock)

    adapter = ScriptedAdapter(answer)
    got = await run(Gatherer(Freshness(entries_max=9), clock), adapter, plan(*VALUES), errand(clock.monotonic_s() + 5))
    assert {name: signal.value for name, signal in got.items() if isinstance(signal, Observed)} == VALUES


async def test_what_has_not_answered_by_the_deadline_is_late_and_cancelled() -> None:
    clock, cancelled = SystemClock(), asyncio.Event()

    async def answer(query: SignalQuery) -> Signal:
        if query.signal is SignalName.LOCATION:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return Observed(query.signal, VALUES[query.signal], clock.now(), Source("alba", query.signal, "1"))

    adapter = ScriptedAdapter(answer)
    wanted = plan(SignalName.SIM_SWAP, SignalName.LOCATION)
    got = await run(Gatherer(Freshness(entries_max=9), clock), adapter, wanted, errand(clock.monotonic_s() + 0.05))
    late = got[SignalName.LOCATION]
    assert isinstance(late, Unavailable)
    assert late.reason is Unavailability.LATE
    assert isinstance(got[SignalName.SIM_SWAP], Observed)
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_an_answer_that_has_just_come_is_used_before_those_who_waited_for_it_have_their_turn() -> None:
    """A loop that takes a thousand checks in begins many between the two."""
    clock, wanted = HandClock(), plan(SignalName.SIM_SWAP, max_age_s=60)
    gatherer, newcomers = Gatherer(Freshness(entries_max=9), clock), list[asyncio.Task[Mapping[SignalName, Signal]]]()

    async def answer(query: SignalQuery) -> Signal:
        if not newcomers:
            newcomers.append(asyncio.create_task(run(gatherer, adapter, wanted, errand(1e9))))
        return observed(query, clock)

    adapter = ScriptedAdapter(answer)
    await run(gatherer, adapter, wanted, errand(1e9))
    (answered,) = (await newcomers[0]).values()
    assert isinstance(answered, Observed)
    assert (answered.source.cached, len(adapter.asked)) == (True, 1)


async def test_an_adapter_that_raises_is_an_unavailable_signal() -> None:
    async def answer(_query: SignalQuery) -> Signal:
        raise RuntimeError("+34600000101")

    clock = HandClock()
    wanted = plan(SignalName.SIM_SWAP)
    got = await run(
        Gatherer(Freshness(entries_max=9), clock), ScriptedAdapter(answer), wanted, errand(clock.monotonic_s() + 5)
    )
    signal = got[SignalName.SIM_SWAP]
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (Unavailability.OPERATOR_ERROR, "INTERNAL")


@pytest.mark.parametrize(
    "answer",
    [
        Observed(SignalName.SIM_SWAP, Flag(active=False), NOON, Source("alba", "sim-swap", "1")),
        Observed(SignalName.SIM_SWAP, AgeRange(-1.0, None), NOON, Source("alba", "sim-swap", "1")),
        Observed(SignalName.DEVICE_SWAP, AgeRange(1e7, 1e7), NOON, Source("alba", "device-swap", "1")),
        None,
    ],
)
async def test_an_adapter_that_gives_the_wrong_kind_of_value_is_malformed_and_never_kept(answer: Any) -> None:
    async def wrong(_query: SignalQuery) -> Signal:
        return answer  # type: ignore[no-any-return]

    gatherer, adapter = Gatherer(Freshness(entries_max=9), HandClock()), ScriptedAdapter(wrong)
    for _ in range(2):
        got = await run(gatherer, adapter, plan(SignalName.SIM_SWAP, max_age_s=60), errand(1e9))
        signal = got[SignalName.SIM_SWAP]
        assert isinstance(signal, Unavailable)
        assert (signal.reason, signal.code) == (Unavailability.MALFORMED, KitCode.WRONG_TYPE)
    assert len(adapter.asked) == 2


async def asked_after(
    pause_s: float, first: Errand, second: Errand, *, max_age_s: float = 60, name: SignalName = SignalName.SIM_SWAP
) -> tuple[int, Signal]:
    clock = HandClock()

    async def answer(query: SignalQuery) -> Signal:
        return observed(query, clock)

    adapter, gatherer = ScriptedAdapter(answer), Gatherer(Freshness(entries_max=9), clock)
    wanted = plan(name, max_age_s=max_age_s)
    await run(gatherer, adapter, wanted, first)
    clock.advance(pause_s)
    got = await run(gatherer, adapter, wanted, second)
    return len(adapter.asked), got[name]


async def test_an_answer_is_used_again_within_its_age_and_says_so() -> None:
    asked, signal = await asked_after(59, errand(1e9), errand(1e9))
    assert asked == 1
    assert isinstance(signal, Observed)
    assert signal.source.cached
    assert signal.observed_at == NOON


QUERY = errand(1e9).query
OTHERS = {
    "too old": (61, errand(1e9)),
    "another tenant": (0, errand(1e9, tenant="globex")),
    "another subject": (0, errand(1e9, subject=b"t")),
    "another purpose": (0, errand(1e9, query=msgspec.structs.replace(QUERY, purpose="Other"))),
}


@pytest.mark.parametrize(("pause_s", "second"), OTHERS.values(), ids=OTHERS.keys())
async def test_an_answer_is_never_used_for_anything_else(pause_s: float, second: Errand) -> None:
    asked, signal = await asked_after(pause_s, errand(1e9), second)
    assert asked == 2
    assert isinstance(signal, Observed)
    assert not signal.source.cached


async def test_an_answer_that_came_while_the_intent_was_written_is_used() -> None:
    clock = HandClock()

    async def answer(query: SignalQuery) -> Signal:
        return observed(query, clock)

    adapter, gatherer = ScriptedAdapter(answer), Gatherer(Freshness(entries_max=9), clock)
    wanted = plan(SignalName.SIM_SWAP, max_age_s=60)
    recalled_too_early = gatherer.recall(wanted, adapter, errand(1e9))
    await run(gatherer, adapter, wanted, errand(1e9))
    (signal,) = await gatherer.gather(wanted, adapter, errand(1e9), recalled_too_early)
    assert isinstance(signal, Observed)
    assert (signal.source.cached, len(adapter.asked)) == (True, 1)


async def test_age_zero_asks_anew() -> None:
    assert (await asked_after(0, errand(1e9), errand(1e9), max_age_s=0))[0] == 2


@pytest.mark.parametrize("name", [SignalName.NUMBER_VERIFICATION, SignalName.KYC_TENURE, SignalName.NUMBER_RECYCLING])
async def test_what_depends_on_more_than_the_key_is_never_used_again(name: SignalName) -> None:
    assert (await asked_after(0, errand(1e9), errand(1e9), name=name))[0] == 2


async def test_another_place_is_another_question() -> None:
    here = errand(1e9, query=msgspec.structs.replace(QUERY, location=Circle(40, -3, 5000)))
    there = errand(1e9, query=msgspec.structs.replace(QUERY, location=Circle(41, -3, 5000)))
    assert (await asked_after(0, here, there, name=SignalName.LOCATION))[0] == 2


async def test_failures_are_not_kept_and_the_memory_is_bounded() -> None:
    clock = HandClock()
    failing = True

    async def answer(query: SignalQuery) -> Signal:
        if failing:
            return Unavailable(query.signal, Unavailability.TIMEOUT)
        return observed(query, clock)

    adapter, gatherer = ScriptedAdapter(answer), Gatherer(Freshness(entries_max=2), clock)
    wanted = plan(SignalName.SIM_SWAP, max_age_s=60)
    await run(gatherer, adapter, wanted, errand(1e9))
    failing = False
    for subject in (b"a", b"b", b"c", b"a"):
        await run(gatherer, adapter, wanted, errand(1e9, subject=subject))
    assert len(adapter.asked) == 5


def test_freshness_judges_by_the_age_that_the_reader_allows() -> None:
    kept = Freshness(entries_max=1)
    query = errand(1e9).query
    clock = HandClock()
    key = Gatherer._key(
        PlanItem(SignalName.SIM_SWAP, required=True, max_age_s=60), ScriptedAdapter(_never), errand(1e9)
    )
    kept.put(key, observed(query, clock))
    assert kept.get(key, max_age_s=10, now=NOON + timedelta(seconds=10)) is not None
    assert kept.get(key, max_age_s=10, now=NOON + timedelta(seconds=11)) is None
    assert kept.get(key, max_age_s=12, now=NOON + timedelta(seconds=11)) is not None


@pytest.mark.parametrize(("back_s", "used"), [(1, True), (60, True), (61, False), (3_600, False), (86_400, False)])
def test_an_answer_from_the_future_has_no_age_and_is_not_used_again(back_s: int, *, used: bool) -> None:
    """Threat T17: a wall clock that is put back must not make a clean answer good for another day."""
    kept, query, clock = Freshness(entries_max=1), errand(1e9).query, HandClock()
    item = PlanItem(SignalName.SIM_SWAP, required=True, max_age_s=60)
    key = Gatherer._key(item, ScriptedAdapter(_never), errand(1e9))
    kept.put(key, observed(query, clock))
    assert (kept.get(key, max_age_s=3600, now=NOON - timedelta(seconds=back_s)) is not None) is used


async def _never(_query: SignalQuery) -> Signal:
    raise AssertionError


async def test_what_is_late_is_heard_where_somebody_still_listens() -> None:
    clock, leave = SystemClock(), asyncio.Event()

    async def answer(query: SignalQuery) -> Signal:
        if query.signal is SignalName.LOCATION:
            await leave.wait()
        return Observed(query.signal, VALUES[query.signal], clock.now(), Source("alba", query.signal, "1"))

    adapter, gatherer = ScriptedAdapter(answer), Gatherer(Freshness(entries_max=9), clock)
    wanted = plan(SignalName.SIM_SWAP, SignalName.LOCATION, max_age_s=60)
    job = errand(clock.monotonic_s() + 0.05, late_s=60.0)
    got = await run(gatherer, adapter, wanted, job)
    assert got[SignalName.LOCATION] == Unavailable(
        SignalName.LOCATION, Unavailability.LATE, "DEADLINE", Source("alba", "location", "1")
    )
    (asked,) = (one for one in adapter.asked if one.signal is SignalName.LOCATION)
    assert (asked.settles_s, asked.deadline_s) == (job.query.deadline_s, job.query.deadline_s + 60.0)
    leave.set()
    assert [one.name async for one in gatherer.late_answers(job)] == [SignalName.LOCATION]
    assert job.late == []
    assert SignalName.LOCATION in gatherer.recall(wanted, adapter, job), "it serves the next check"


async def test_nobody_listens_for_longer_than_was_said() -> None:
    clock, cancelled = SystemClock(), asyncio.Event()

    async def answer(query: SignalQuery) -> Signal:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return observed(query, HandClock())

    adapter, gatherer = ScriptedAdapter(answer), Gatherer(Freshness(entries_max=9), clock)
    job = errand(clock.monotonic_s() + 0.02, late_s=0.02)
    await run(gatherer, adapter, plan(SignalName.LOCATION), job)
    assert len(job.late) == 1
    assert [one async for one in gatherer.late_answers(job)] == []
    await asyncio.wait_for(cancelled.wait(), 5)
    assert job.late == []
