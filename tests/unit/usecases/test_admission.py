"""How many checks run at once: a few run, some wait a while, the rest hear at once that it is too much."""

import asyncio
from typing import cast

import pytest

from broker.errors import Overloaded
from broker.usecases.admission import Admission, AdmissionLimits
from broker.usecases.ports import Answered, Asked

A_LONG_TIME_MS = 60_000


class Checks:
    """Checks that run until they are let go, in the order in which they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.leave = asyncio.Semaphore(0)

    async def __call__(self, asked: Asked) -> Answered:
        self.begun.append(str(asked))
        await self.leave.acquire()
        return Answered(str(asked).encode(), replayed=False)


async def settle_down() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def asking(admission: Admission, *names: str) -> list["asyncio.Task[Answered]"]:
    return [asyncio.create_task(admission(cast("Asked", name))) for name in names]


async def test_who_waits_gets_in_by_turn() -> None:
    checks = Checks()
    tasks = asking(Admission(checks, AdmissionLimits(2, 10, A_LONG_TIME_MS)), "a", "b", "c", "d")
    await settle_down()
    assert checks.begun == ["a", "b"]
    checks.leave.release()
    await settle_down()
    assert checks.begun == ["a", "b", "c"]
    for _ in range(3):
        checks.leave.release()
    assert [answered.body for answered in await asyncio.gather(*tasks)] == [b"a", b"b", b"c", b"d"]


async def test_beyond_those_who_may_wait_the_answer_comes_at_once() -> None:
    checks = Checks()
    admission = Admission(checks, AdmissionLimits(1, 1, A_LONG_TIME_MS))
    tasks = asking(admission, "a", "b")
    await settle_down()
    with pytest.raises(Overloaded):
        await admission(cast("Asked", "c"))
    checks.leave.release()
    checks.leave.release()
    await asyncio.gather(*tasks)
    assert checks.begun == ["a", "b"], "what was refused never began"


async def test_nobody_waits_for_ever() -> None:
    checks = Checks()
    admission = Admission(checks, AdmissionLimits(1, 10, 1))
    (running,) = asking(admission, "a")
    await settle_down()
    with pytest.raises(Overloaded):
        await admission(cast("Asked", "b"))
    checks.leave.release()
    await running
    checks.leave.release()
    assert (await admission(cast("Asked", "c"))).body == b"c"


async def test_a_place_outlives_whoever_gave_up_waiting_for_it() -> None:
    checks = Checks()
    tasks = asking(Admission(checks, AdmissionLimits(1, 10, A_LONG_TIME_MS)), "a", "b", "c")
    await settle_down()
    tasks[1].cancel()
    checks.leave.release()
    await settle_down()
    assert checks.begun == ["a", "c"]
    checks.leave.release()
    assert (await tasks[2]).body == b"c"
