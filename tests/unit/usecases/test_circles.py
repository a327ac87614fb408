"""A place is not found circle by circle (threat T14)."""

import asyncio
from collections.abc import Sequence

import pytest

from broker.domain.check import Circle
from broker.errors import Overloaded
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.kv import MemoryKv, Take, Taken
from broker.usecases.circles import CircleLimits, Circles
from tests.support.clocks import HandClock

HOME = Circle(40.4168, -3.7038, 5000.0)
SHRINKING = [Circle(40.4168, -3.7038, 5000.0 * 0.9**step) for step in range(100)]
ANA, LUIS = b"ana", b"luis"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def circles(clock: HandClock) -> Circles:
    return Circles(MemoryKv(clock.monotonic_s), Pseudonyms(bytes(32)), CircleLimits())


async def test_of_a_hundred_shrinking_circles_three_are_asked(circles: Circles) -> None:
    assert [await circles.may_ask("acme", ANA, one) for one in SHRINKING] == [True] * 3 + [False] * 97


async def test_at_once_no_more_are_asked_than_one_after_the_other(circles: Circles) -> None:
    asked = await asyncio.gather(*(circles.may_ask("acme", ANA, one) for one in SHRINKING))
    assert sum(asked) == 3


async def test_who_tried_one_too_many_asks_nothing_more_that_day(circles: Circles, clock: HandClock) -> None:
    for one in SHRINKING[:4]:
        await circles.may_ask("acme", ANA, one)
    assert not await circles.may_ask("acme", ANA, SHRINKING[3]), "the one that was refused does not come in later"
    assert not await circles.may_ask("acme", ANA, SHRINKING[0])
    clock.advance(86_400)
    assert await circles.may_ask("acme", ANA, SHRINKING[3])


async def test_the_same_circle_may_be_asked_again_and_not_for_ever(circles: Circles) -> None:
    assert [await circles.may_ask("acme", ANA, HOME) for _ in range(30)] == [True] * 24 + [False] * 6


async def test_people_and_tenants_are_counted_apart(circles: Circles) -> None:
    for one in SHRINKING[:4]:
        await circles.may_ask("acme", ANA, one)
    assert await circles.may_ask("acme", LUIS, HOME)
    assert await circles.may_ask("other", ANA, HOME)


async def test_zero_is_no_limit(clock: HandClock) -> None:
    free = Circles(MemoryKv(clock.monotonic_s), Pseudonyms(bytes(32)), CircleLimits(different=0))
    assert all([await free.may_ask("acme", ANA, one) for one in SHRINKING])


class Full(MemoryKv):
    async def take(self, wants: Sequence[Take]) -> Taken:
        raise Overloaded("too much is being counted", retry_after_s=1)


async def test_what_cannot_be_counted_is_not_asked(clock: HandClock) -> None:
    assert not await Circles(Full(clock.monotonic_s), Pseudonyms(bytes(32)), CircleLimits()).may_ask("acme", ANA, HOME)


async def test_what_is_remembered_names_no_place(clock: HandClock) -> None:
    kv = MemoryKv(clock.monotonic_s)
    await Circles(kv, Pseudonyms(bytes(32)), CircleLimits()).may_ask("acme", ANA, HOME)
    assert not any("40.4" in key or "5000" in key for key in vars(kv)["_counts"])
