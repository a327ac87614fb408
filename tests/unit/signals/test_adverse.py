"""What speaks against a line is kept longer than what does not, and holds where the operator falls silent."""

from datetime import timedelta

import pytest

from broker.adapter_kit.adapter import SignalQuery
from broker.domain.decision import ActionClass
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
from broker.signals.freshness import Freshness, is_adverse
from broker.signals.gather import Errand, Gatherer
from tests.support.clocks import NOON, HandClock
from tests.unit.signals.test_gather import ScriptedAdapter, errand

SIM, FORWARDING = SignalName.SIM_SWAP, SignalName.CALL_FORWARDING
SWAPPED, CLEAN = AgeRange(3 * 3600.0, 3 * 3600.0), AgeRange(1e7, 1e7)
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("name", "value", "adverse"),
    [
        (SIM, SWAPPED, True),
        (SIM, AgeRange(0, 72 * 3600.0), True),
        (SIM, AgeRange(29 * DAY_S, 29 * DAY_S), True),
        (SIM, AgeRange(31 * DAY_S, 31 * DAY_S), False),
        (SIM, AgeRange(72 * 3600.0, None), False),
        (SIM, CLEAN, False),
        (SignalName.DEVICE_SWAP, SWAPPED, True),
        (FORWARDING, Flag(active=True), True),
        (FORWARDING, Flag(active=False), False),
        (SignalName.LOCATION, Presence(Overlap.OUTSIDE), False),
    ],
)
def test_what_lasts_against_a_line(name: SignalName, value: Value, adverse: bool) -> None:
    assert is_adverse(Observed(name, value, NOON, Source("alba", name, "1"))) is adverse


class Line:
    """A number over time: what its operator says now, and how often it was asked."""

    def __init__(self, value: Value | None = SWAPPED) -> None:
        self.clock = HandClock()
        self.value = value
        self.reason = Unavailability.TIMEOUT
        self.adapter = ScriptedAdapter(self._answer)
        self.gatherer = Gatherer(Freshness(entries_max=9), self.clock)

    async def _answer(self, query: SignalQuery) -> Signal:
        if self.value is None:
            return Unavailable(query.signal, self.reason, "X")
        return Observed(query.signal, self.value, self.clock.now(), Source("alba", query.signal, "1"))

    async def check(self, *, max_age_s: float = 60, adverse_s: float = DAY_S, job: Errand | None = None) -> Signal:
        item = PlanItem(SIM, required=True, max_age_s=max_age_s, adverse_max_age_s=adverse_s)
        plan = Plan("payment", 1, ActionClass.HIGH, (item,), (), 1500)
        job = job or errand(1e9)
        recalled = self.gatherer.recall(plan, self.adapter, job)
        (signal,) = await self.gatherer.gather(plan, self.adapter, job, recalled)
        return signal


@pytest.mark.parametrize(
    ("value", "after_s", "asked"),
    [(SWAPPED, DAY_S, 1), (SWAPPED, DAY_S + 1, 2), (CLEAN, 60, 1), (CLEAN, 61, 2)],
)
async def test_an_adverse_answer_is_used_again_for_longer(value: Value, after_s: float, asked: int) -> None:
    line = Line(value)
    await line.check()
    line.clock.advance(after_s)
    signal = await line.check()
    assert isinstance(signal, Observed)
    assert (len(line.adapter.asked), signal.source.cached) == (asked, asked == 1)


async def test_where_nothing_may_be_used_again_an_adverse_answer_is_asked_about_anew() -> None:
    line = Line()
    await line.check()
    line.value = CLEAN
    signal = await line.check(max_age_s=0)
    assert isinstance(signal, Observed)
    assert (signal.value, len(line.adapter.asked)) == (CLEAN, 2)
    line.value = None
    assert isinstance(await line.check(max_age_s=0), Unavailable)  # the newer answer took its place


@pytest.mark.parametrize("max_age_s", [0, 60])
@pytest.mark.parametrize(
    "reason",
    [
        Unavailability.TIMEOUT,
        Unavailability.OPERATOR_ERROR,
        Unavailability.MALFORMED,
        Unavailability.BREAKER_OPEN,
    ],
)
async def test_bad_news_outlives_the_silence_of_who_told_it(reason: Unavailability, max_age_s: float) -> None:
    line = Line()
    await line.check(max_age_s=max_age_s)
    line.value, line.reason = None, reason
    line.clock.advance(3600)
    signal = await line.check(max_age_s=max_age_s)
    assert isinstance(signal, Observed)
    assert (signal.value, signal.source.cached, signal.observed_at) == (SWAPPED, True, NOON)
    line.clock.advance(DAY_S)
    assert isinstance(await line.check(max_age_s=max_age_s), Unavailable)


async def test_good_news_does_not() -> None:
    line = Line(CLEAN)
    await line.check(max_age_s=60)
    line.value = None
    line.clock.advance(61)
    assert isinstance(await line.check(max_age_s=60), Unavailable)


@pytest.mark.parametrize(
    "reason", [Unavailability.NOT_PERMITTED, Unavailability.NOT_APPLICABLE, Unavailability.UNKNOWN_SUBSCRIBER]
)
async def test_an_operators_word_about_the_line_stands(reason: Unavailability) -> None:
    line = Line()
    await line.check(max_age_s=0)
    line.value, line.reason = None, reason
    signal = await line.check(max_age_s=0)
    assert isinstance(signal, Unavailable)


@pytest.mark.parametrize("other", [errand(1e9, tenant="globex"), errand(1e9, subject=b"t")], ids=["tenant", "subject"])
async def test_nobody_elses_bad_news_is_told(other: Errand) -> None:
    line = Line()
    await line.check()
    line.value = None
    assert isinstance(await line.check(job=other), Unavailable)


async def test_a_caller_that_wants_fresh_evidence_gets_no_older_one() -> None:
    line = Line()
    await line.check()
    line.value = None
    line.clock.advance(5)
    assert isinstance(await line.check(max_age_s=0, adverse_s=0), Unavailable)
    assert NOON + timedelta(seconds=5) == line.clock.now()
