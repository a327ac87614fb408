import asyncio

import pytest

from broker.adapter_kit.adapter import Adapter
from broker.domain.route import NETWORK_NOT_SERVED, Route, RouteBasis
from broker.domain.signal import Observed, SignalName, Unavailability, Unavailable
from broker.routing.ported import FollowsTheNumber
from tests.support.clocks import HandClock
from tests.unit.operators.guarded import Acting, bad, good, question

ELSEWHERE = Route(RouteBasis.FINDER_DEEP, "lyra", "ES", ("lyra",))
UNKNOWN = Unavailability.UNKNOWN_SUBSCRIBER


class Search:
    """Finds what it was told to, and counts."""

    def __init__(self, route: Route | None) -> None:
        self.route = route
        self.times = 0

    async def __call__(self, deadline_s: float) -> Route | None:
        self.times += 1
        await asyncio.sleep(0)
        return self.route


def following(inner: Adapter, search: Search, there: Adapter) -> FollowsTheNumber:
    return FollowsTheNumber(inner, search, lambda route: there if route.sources else None)


async def test_all_questions_of_a_check_follow_the_number_after_one_search() -> None:
    clock = HandClock()
    there, search = Acting(good(clock), "lyra"), Search(ELSEWHERE)
    adapter = following(Acting(bad(UNKNOWN, "IDENTIFIER_NOT_FOUND")), search, there)
    names = [SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION]
    answers = await asyncio.gather(*(adapter.observe(question(clock, signal=name)) for name in names))
    assert all(isinstance(answer, Observed) for answer in answers)
    assert (search.times, len(there.asked), adapter.route) == (1, 3, ELSEWHERE)


@pytest.mark.parametrize(
    ("route", "reason", "code"),
    [
        (None, UNKNOWN, "IDENTIFIER_NOT_FOUND"),
        (
            Route(RouteBasis.FINDER_DEEP, country="ES", code=NETWORK_NOT_SERVED),
            Unavailability.UNSUPPORTED,
            NETWORK_NOT_SERVED,
        ),
    ],
    ids=["known nowhere else", "a network out of reach"],
)
async def test_not_served_is_not_unknown(route: Route | None, reason: Unavailability, code: str) -> None:
    clock = HandClock()
    adapter = following(Acting(bad(UNKNOWN, "IDENTIFIER_NOT_FOUND")), Search(route), Acting(good(clock)))
    answer = await adapter.observe(question(clock))
    assert isinstance(answer, Unavailable)
    assert (answer.reason, answer.code) == (reason, code)


@pytest.mark.parametrize("reason", [one for one in Unavailability if one is not UNKNOWN])
async def test_no_other_answer_starts_a_search(reason: Unavailability) -> None:
    clock, search = HandClock(), Search(ELSEWHERE)
    await following(Acting(bad(reason, "X")), search, Acting(good(clock))).observe(question(clock))
    assert search.times == 0


async def test_the_new_operator_may_not_know_it_either_and_that_is_the_end() -> None:
    clock, search = HandClock(), Search(ELSEWHERE)
    there = Acting(bad(UNKNOWN, "DEVICE_NOT_FOUND"), "lyra")
    answer = await following(Acting(bad(UNKNOWN, "IDENTIFIER_NOT_FOUND")), search, there).observe(question(clock))
    assert isinstance(answer, Unavailable)
    assert (answer.code, search.times, len(there.asked)) == ("DEVICE_NOT_FOUND", 1, 1)
