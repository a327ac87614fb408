"""How many checks run at once: a few run, some wait a while, the rest hear at once that it is too much."""

import asyncio
from random import Random

import pytest

from broker.domain.check import Action, CheckRequest, Principal, Subject
from broker.domain.phone import PhoneNumber
from broker.errors import Overloaded
from broker.usecases.admission import Admission, AdmissionLimits
from broker.usecases.ports import Answered, Asked
from tests.support.clocks import HandClock
from tests.support.turns import settle

A_LONG_TIME_MS = 60_000
CLOCK = HandClock()
PRINCIPAL = Principal("acme", "shop", None, frozenset(), "k1")


class Checks:
    """Checks that run until they are let go, in the order in which they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.leave = asyncio.Semaphore(0)

    async def __call__(self, asked: Asked) -> Answered:
        self.begun.append(asked.request.action.type)
        await self.leave.acquire()
        return Answered(asked.request.action.type.encode(), replayed=False)


def about(name: str, number: int | None = None, *, deadline_ms: int | None = None) -> Asked:
    """A check called ``name``, about somebody of its own unless a number is given."""
    phone = PhoneNumber(f"+34600{number if number is not None else ord(name[0]):06}")
    request = CheckRequest(Subject(phone), Action(name), "FraudPreventionAndDetection", deadline_ms=deadline_ms)
    return Asked(PRINCIPAL, request, CLOCK.monotonic_s(), lambda _: b"")


def admission(
    checks: Checks, places: int, waiting: int, wait_ms: int = A_LONG_TIME_MS, useful_ms: int = A_LONG_TIME_MS
) -> Admission:
    return Admission(checks, AdmissionLimits(places, waiting, wait_ms, useful_ms, 0), CLOCK)


def asking(door: Admission, *questions: Asked) -> list["asyncio.Task[Answered]"]:
    return [asyncio.create_task(door(one)) for one in questions]


async def test_who_waits_gets_in_by_turn() -> None:
    checks = Checks()
    tasks = asking(admission(checks, 2, 10), *map(about, "abcd"))
    await settle()
    assert checks.begun == ["a", "b"]
    checks.leave.release()
    await settle()
    assert checks.begun == ["a", "b", "c"]
    for _ in range(3):
        checks.leave.release()
    assert [answered.body for answered in await asyncio.gather(*tasks)] == [b"a", b"b", b"c", b"d"]


async def test_beyond_those_who_may_wait_the_answer_comes_at_once() -> None:
    checks = Checks()
    door = admission(checks, 1, 1)
    tasks = asking(door, about("a"), about("b"))
    await settle()
    with pytest.raises(Overloaded):
        await door(about("c"))
    checks.leave.release()
    checks.leave.release()
    await asyncio.gather(*tasks)
    assert checks.begun == ["a", "b"], "what was refused never began"


async def test_nobody_waits_for_ever() -> None:
    checks = Checks()
    door = admission(checks, 1, 10, wait_ms=1)
    (running,) = asking(door, about("a"))
    await settle()
    with pytest.raises(Overloaded):
        await door(about("b"))
    checks.leave.release()
    await running
    checks.leave.release()
    assert (await door(about("c"))).body == b"c"


async def test_a_place_outlives_whoever_gave_up_waiting_for_it() -> None:
    checks = Checks()
    tasks = asking(admission(checks, 1, 10), *map(about, "abc"))
    await settle()
    tasks[1].cancel()
    checks.leave.release()
    await settle()
    assert checks.begun == ["a", "c"]
    checks.leave.release()
    assert (await tasks[2]).body == b"c"


async def test_a_herd_waits_longer_than_who_asks_about_somebody_new() -> None:
    checks = Checks()
    door = admission(checks, 1, 10, wait_ms=1)
    first, second = asking(door, about("a", 1), about("b", 1))
    await settle()
    with pytest.raises(Overloaded):
        await door(about("c", 2))
    assert not second.done(), "its answers are on the way already"
    checks.leave.release()
    checks.leave.release()
    assert [(await one).body for one in (first, second)] == [b"a", b"b"]


@pytest.mark.parametrize("number", [1, 2])
async def test_nobody_waits_until_an_answer_could_not_be_recorded(number: int) -> None:
    checks = Checks()
    door = admission(checks, 1, 10)
    (first,) = asking(door, about("a", 1))
    await settle()
    with pytest.raises(Overloaded):
        await door(about("b", number, deadline_ms=1))
    checks.leave.release()
    await first


async def test_a_herd_takes_no_more_than_every_second_place_from_others() -> None:
    checks = Checks()
    herd = asking(admission_ := admission(checks, 1, 100), *(about(f"h{n}", 1) for n in range(6)))
    await settle()
    others = asking(admission_, about("x", 2), about("y", 3))
    for _ in range(8):
        await settle()
        checks.leave.release()
    await asyncio.gather(*herd, *others)
    assert checks.begun == ["h0", "x", "h1", "y", "h2", "h3", "h4", "h5"]


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_ever_lost_or_made(seed: int) -> None:
    """Checks come, give up and go in any order; in the end as many may run as at first."""
    random, checks = Random(seed), Checks()
    door = admission(checks, 3, 8)
    tasks: list[asyncio.Task[Answered]] = []
    for step in range(60):
        match random.randrange(4):
            case 0 | 1:
                tasks += asking(door, about(f"s{step}", random.randrange(4)))
            case 2 if tasks:
                random.choice(tasks).cancel()
            case _ if len(checks.begun) > 0:
                checks.leave.release()
        for _ in range(random.randrange(3)):
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    again = Checks()
    door._run_check = again
    tasks = asking(door, *map(about, "abcd"))
    await settle()
    assert again.begun == ["a", "b", "c"]
    for _ in tasks:
        again.leave.release()
    await asyncio.gather(*tasks)
