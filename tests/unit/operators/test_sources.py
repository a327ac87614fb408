import asyncio
from collections.abc import Mapping

import msgspec
import pytest

from broker.adapter_kit.adapter import Capability, SignalQuery
from broker.clock import SystemClock
from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.operators.guards.limits import GuardLimits
from broker.operators.sources import InPreference
from tests.support.clocks import HandClock
from tests.support.turns import until
from tests.unit.operators.guarded import SIM, Act, Acting, bad, question

CLOCK = SystemClock()
_KNOWN = 100


def says(name: str) -> Act:
    async def act(query: SignalQuery) -> Signal:
        return Observed(query.signal, AgeRange(1e7, 1e7), CLOCK.now(), Source(name, "sim-swap", "1"))

    return act


class Slow:
    """Never answers; notes when it is given up."""

    def __init__(self) -> None:
        self.given_up = 0

    async def __call__(self, query: SignalQuery) -> Signal:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        raise AssertionError


def asking(signal: SignalName = SIM, token: str | None = None) -> SignalQuery:
    return msgspec.structs.replace(question(HandClock(), signal=signal), operator_token=token)


async def practised(*sources: Acting, limits: GuardLimits | None = None) -> InPreference:
    """Sources of which the first has answered often enough, each time at once."""
    together = InPreference(sources, limits or GuardLimits(hedge_samples_min=_KNOWN), CLOCK)
    act, sources[0].act = sources[0].act, says("alba")
    for _ in range(_KNOWN):
        await together.observe(asking())
    sources[0].act = act
    sources[0].asked.clear()
    return together


def who(answer: Signal) -> tuple[str, bool]:
    assert isinstance(answer, Observed)
    return answer.source.operator, answer.source.hedged


async def test_the_preferred_source_answers_and_nobody_else_is_asked() -> None:
    alba, other = Acting(says("alba")), Acting(says("other"), "other")
    together = await practised(alba, other)
    assert who(await together.observe(asking())) == ("alba", False)
    assert (len(alba.asked), len(other.asked), together.operator) == (1, 0, "alba")


async def test_a_slow_one_is_overtaken_given_up_and_the_answer_says_so() -> None:
    slow, other = Slow(), Acting(says("other"), "other")
    together = await practised(Acting(slow), other)
    assert who(await together.observe(asking())) == ("other", True)
    await asyncio.sleep(0)
    assert slow.given_up == 1


async def test_nobody_is_overtaken_before_it_is_known_how_long_calls_take() -> None:
    gate, other = asyncio.Event(), Acting(says("other"), "other")

    async def later(query: SignalQuery) -> Signal:
        await gate.wait()
        return await says("alba")(query)

    together = InPreference([Acting(later), other], GuardLimits(), CLOCK)
    waiting = asyncio.create_task(together.observe(asking()))
    await asyncio.sleep(0.05)
    gate.set()
    assert who(await waiting) == ("alba", False)
    assert not other.asked


async def test_overtaking_has_a_budget() -> None:
    slow, other, seventh = Slow(), Acting(says("other"), "other"), asyncio.Event()

    async def counting(query: SignalQuery) -> Signal:
        if len(other.asked) == 7:  # 5 % of 140
            seventh.set()
        return await says("other")(query)

    other.act = counting
    together = await practised(Acting(slow), other, limits=GuardLimits(hedge_samples_min=_KNOWN, hedge_share=0.05))
    tasks = [asyncio.create_task(together.observe(asking())) for _ in range(40)]
    await seventh.wait()
    await until(lambda: sum(task.done() for task in tasks) == 7)
    await asyncio.sleep(0.2)  # for an eighth, were there one
    assert (sum(task.done() for task in tasks), len(other.asked)) == (7, 7)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert slow.given_up == 40


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Unavailability.OPERATOR_ERROR, "UNAVAILABLE"),
        (Unavailability.BREAKER_OPEN, "BREAKER_OPEN"),
        (Unavailability.TIMEOUT, "ATTEMPT_TIMEOUT"),
        (Unavailability.MALFORMED, "NOT_JSON"),
        (Unavailability.UNSUPPORTED, "SUBJECT_UNPROVEN"),
    ],
)
async def test_one_that_fails_is_followed_by_the_next_and_its_reason_stays_where_all_fail(
    reason: Unavailability, code: str
) -> None:
    alba, other = Acting(bad(reason, code)), Acting(says("other"), "other")
    together = InPreference([alba, other], GuardLimits(), CLOCK)
    assert who(await together.observe(asking())) == ("other", True)
    other.act = bad(Unavailability.OPERATOR_ERROR, "BAD_GATEWAY")
    answer = await together.observe(asking())
    assert isinstance(answer, Unavailable)
    assert (answer.reason, answer.code) == (reason, code)


@pytest.mark.parametrize(
    "reason",
    [Unavailability.NOT_PERMITTED, Unavailability.NOT_APPLICABLE, Unavailability.UNKNOWN_SUBSCRIBER],
)
async def test_the_networks_own_word_is_not_shopped_around(reason: Unavailability) -> None:
    other = Acting(says("other"), "other")
    answer = await InPreference([Acting(bad(reason, "X")), other], GuardLimits(), CLOCK).observe(asking())
    assert isinstance(answer, Unavailable)
    assert not other.asked


@pytest.mark.parametrize(
    "query", [asking(SignalName.NUMBER_VERIFICATION), asking(token="ot-1")], ids=["its own token", "a token given"]
)
async def test_a_token_of_one_use_goes_to_one_source_only(query: SignalQuery) -> None:
    alba, other = Acting(bad(Unavailability.OPERATOR_ERROR, "UNAVAILABLE")), Acting(says("other"), "other")
    together = InPreference([alba, other], GuardLimits(), CLOCK)
    assert isinstance(await together.observe(query), Unavailable)
    assert (len(alba.asked), len(other.asked)) == (1, 0)


async def test_who_stops_waiting_gives_up_every_source() -> None:
    slow, slower = Slow(), Slow()
    other = Acting(slower, "other")
    together = await practised(Acting(slow), other)
    waiting = asyncio.create_task(together.observe(asking()))
    await until(lambda: other.asked)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)
    assert (slow.given_up, slower.given_up) == (1, 1)


class Offering(Acting):
    """One that offers only what it is given."""

    def __init__(self, act: Act, operator: str, **versions: str) -> None:
        super().__init__(act, operator)
        self._offers = {SignalName(name): Capability(SignalName(name), name, at) for name, at in versions.items()}

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        return self._offers


async def test_what_only_one_offers_is_asked_there_and_versions_are_the_preferred_ones() -> None:
    alba = Offering(says("alba"), "alba", sim_swap="2")
    other = Offering(says("other"), "other", sim_swap="1", device_swap="1")
    together = InPreference([alba, other], GuardLimits(), CLOCK)
    assert {name: one.version for name, one in together.capabilities.items()} == {"sim_swap": "2", "device_swap": "1"}
    await together.observe(asking(SignalName.DEVICE_SWAP))
    await together.observe(asking(SignalName.LOCATION))
    assert [query.signal for query in other.asked] == ["device_swap"]
    assert [query.signal for query in alba.asked] == ["location"]  # which says itself that it is unsupported
