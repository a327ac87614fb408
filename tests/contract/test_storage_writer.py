"""The group committer alone, over a back end in memory that tells when it is called and waits when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Executable

from broker.errors import Overloaded, Unrecorded
from broker.storage.records import Begun, StorageLimits
from broker.storage.unit_of_work import Backoff, Begin, Outcome, Refused, Row, Settle, Unavailable, Unit, Value
from broker.storage.writer import GroupWriter
from tests.support.stored import a_commit, an_intent
from tests.support.virtual_time import run_virtually


class MemoryBackend:
    """Keeps the ids of what was committed; refuses ``chk_poison``; stands still while ``gate`` is closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.called = asyncio.Event()
        self.batches: list[list[str]] = []
        self.started_s: list[float] = []
        self.trouble: Exception | None = None

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        self.started_s.append(asyncio.get_running_loop().time())
        self.called.set()
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        if any(name(unit) == "chk_poison" for unit in units):
            raise Refused("23514")
        self.batches.append([name(unit) for unit in units])
        return [Begun() if isinstance(unit, Begin) else 1 for unit in units]

    async def fetch(self, query: Executable, values: Mapping[str, Value]) -> list[Row]:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.gate.set()

    @property
    def committed(self) -> list[str]:
        return [each for batch in self.batches for each in batch]


def name(unit: Unit) -> str:
    if isinstance(unit, Begin):
        assert unit.intent is not None
        return f"begin {unit.intent.check_id}"
    assert isinstance(unit, Settle)
    return unit.commit.check_id


def settle(check_id: str) -> Settle:
    return Settle(a_commit(check_id))


@asynccontextmanager
async def writing(backend: MemoryBackend, limits: StorageLimits) -> AsyncIterator[GroupWriter]:
    writer = GroupWriter(backend, limits)
    try:
        yield writer
    finally:
        backend.gate.set()
        await writer.aclose()


async def submitted(writer: GroupWriter, *ids: str) -> list[asyncio.Task[Outcome]]:
    """Tasks that have put their unit into the queue."""
    tasks = [asyncio.create_task(writer.submit(settle(check_id))) for check_id in ids]
    await asyncio.sleep(0)
    return tasks


async def held(backend: MemoryBackend, writer: GroupWriter) -> asyncio.Task[Outcome]:
    """A unit that is stuck inside a commit, so that everything after it has to wait."""
    backend.gate.clear()
    (task,) = await submitted(writer, "chk_held")
    await backend.called.wait()
    return task


QUICK = StorageLimits(commit_interval_ms=0, commit_wait_ms=5_000)
IMPATIENT = StorageLimits(commit_interval_ms=0, commit_wait_ms=50, lock_wait_ms=50)


async def test_what_waits_together_is_committed_together_in_order_and_by_precedence() -> None:
    backend = MemoryBackend()
    async with writing(backend, QUICK) as writer:
        first = await held(backend, writer)
        begin = asyncio.create_task(writer.submit(Begin(an_intent("chk_0"), None)))
        await asyncio.sleep(0)
        rest = await submitted(writer, *(f"chk_{n}" for n in range(1, 6)))
        backend.gate.set()
        assert await asyncio.gather(first, begin, *rest) == [1, Begun(), 1, 1, 1, 1, 1]
    assert backend.batches == [["chk_held"], ["chk_1", "chk_2", "chk_3", "chk_4", "chk_5", "begin chk_0"]]
    assert (writer.stats.commits, writer.stats.units) == (2, 7)


async def test_a_batch_has_a_maximum() -> None:
    backend = MemoryBackend()
    async with writing(backend, StorageLimits(batch_max=4, commit_interval_ms=0)) as writer:
        await asyncio.gather(*await submitted(writer, *(f"chk_{n}" for n in range(10))))
    assert [len(batch) for batch in backend.batches] == [4, 4, 2]


def test_nobody_waits_for_the_interval_when_the_last_commit_is_long_ago() -> None:
    async def scene() -> tuple[float, ...]:
        backend = MemoryBackend()
        async with writing(backend, StorageLimits(commit_interval_ms=60)) as writer:
            for name in ("chk_1", "chk_2"):
                await writer.submit(settle(name))
                await asyncio.sleep(0.07)
        return tuple(backend.started_s)

    assert run_virtually(scene()) == pytest.approx((0.0, 0.07))


def test_commits_keep_their_distance() -> None:
    async def scene() -> tuple[float, ...]:
        backend = MemoryBackend()
        async with writing(backend, StorageLimits(commit_interval_ms=20)) as writer:
            for n in range(4):
                await writer.submit(settle(f"chk_{n}"))
        return tuple(backend.started_s)

    assert run_virtually(scene()) == pytest.approx((0.0, 0.02, 0.04, 0.06))


async def test_beyond_the_queue_is_overloaded_and_nothing_of_it_is_written() -> None:
    backend = MemoryBackend()
    async with writing(backend, StorageLimits(queue_max=3, commit_interval_ms=0)) as writer:
        first = await held(backend, writer)
        waiting = await submitted(writer, "chk_1", "chk_2", "chk_3")
        with pytest.raises(Overloaded) as caught:
            await writer.submit(settle("chk_4"))
        assert caught.value.retry_after_s == 1
        backend.gate.set()
        await asyncio.gather(first, *waiting)
        await writer.submit(settle("chk_5"))
    assert backend.committed == ["chk_held", "chk_1", "chk_2", "chk_3", "chk_5"]


async def test_a_unit_that_timed_out_in_the_queue_is_never_written() -> None:
    backend = MemoryBackend()
    async with writing(backend, IMPATIENT) as writer:
        first = await held(backend, writer)
        waiting = await submitted(writer, "chk_1", "chk_2")
        outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unrecorded] * 3
        backend.gate.set()
        assert await writer.submit(settle("chk_3")) == 1
    # The held one was inside its commit when its caller gave up: it may be there, as the writer's contract says.
    assert backend.committed == ["chk_held", "chk_3"]


async def test_a_waiter_that_is_cancelled_takes_its_unit_along_and_nobody_elses() -> None:
    backend = MemoryBackend()
    async with writing(backend, QUICK) as writer:
        first = await held(backend, writer)
        one, two, three = await submitted(writer, "chk_1", "chk_2", "chk_3")
        two.cancel()
        backend.gate.set()
        assert list(await asyncio.gather(first, one, three)) == [1, 1, 1]
        with pytest.raises(asyncio.CancelledError):
            await two
    assert backend.committed == ["chk_held", "chk_1", "chk_3"]


async def test_a_waiter_cancelled_inside_the_commit_leaves_its_neighbours_their_outcomes() -> None:
    backend = MemoryBackend()
    async with writing(backend, QUICK) as writer:
        backend.gate.clear()
        one, two = await submitted(writer, "chk_1", "chk_2")
        await backend.called.wait()
        one.cancel()
        await asyncio.sleep(0)
        backend.gate.set()
        assert await two == 1
        assert one.cancelled()
    assert backend.committed == ["chk_1", "chk_2"]


async def test_poison_sinks_alone() -> None:
    backend = MemoryBackend()
    async with writing(backend, QUICK) as writer:
        tasks = await submitted(writer, "chk_1", "chk_poison", "chk_2")
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, Unrecorded, int]
    assert isinstance(outcomes[1], Unrecorded)
    assert isinstance(outcomes[1].__cause__, Refused)
    assert backend.committed == ["chk_1", "chk_2"]
    assert writer.stats.refused == 1


@pytest.mark.parametrize("trouble", [Unavailable("SQLITE_FULL"), RuntimeError("a bug")], ids=["database", "bug"])
async def test_any_trouble_answers_every_waiter_and_the_next_batch_is_tried(trouble: Exception) -> None:
    backend = MemoryBackend()
    async with writing(backend, QUICK) as writer:
        backend.trouble = trouble
        tasks = await submitted(writer, "chk_1", "chk_2")
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unrecorded] * 2
        backend.trouble = None
        assert await writer.submit(settle("chk_3")) == 1
    assert backend.committed == ["chk_3"]
    assert writer.stats.failures == 1


async def test_closing_writes_what_waits_and_takes_nothing_more() -> None:
    backend = MemoryBackend()
    writer = GroupWriter(backend, QUICK)
    tasks = await submitted(writer, "chk_1", "chk_2")
    closing = asyncio.create_task(writer.aclose())
    await asyncio.sleep(0)
    with pytest.raises(Unrecorded):
        await writer.submit(settle("chk_3"))
    await closing
    assert await asyncio.gather(*tasks) == [1, 1]
    assert backend.committed == ["chk_1", "chk_2"]


async def test_closing_does_not_wait_for_ever() -> None:
    backend = MemoryBackend()
    writer = GroupWriter(backend, IMPATIENT)
    first = await held(backend, writer)
    (second,) = await submitted(writer, "chk_1")
    await asyncio.wait_for(writer.aclose(), 2)
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unrecorded, Unrecorded]
    assert backend.committed == []


def test_pauses_double_up_to_the_maximum_and_success_forgets_them() -> None:
    now_s = 100.0
    backoff = Backoff(50, 300, lambda: now_s)
    assert backoff.ready()
    for pause_s in (0.05, 0.1, 0.2, 0.3, 0.3):
        backoff.failed()
        now_s += pause_s - 0.001
        assert not backoff.ready()
        now_s += 0.002
        assert backoff.ready()
    backoff.succeeded()
    backoff.failed()
    now_s += 0.051
    assert backoff.ready()


@pytest.mark.parametrize(
    "limits",
    [
        {"queue_max": 0},
        {"batch_max": 0},
        {"rows_max": -1},
        {"commit_interval_ms": -1},
        {"lock_wait_ms": 3_000, "commit_wait_ms": 2_000},
        {"read_wait_ms": 0},
        {"reconnect_min_ms": 0},
        {"reconnect_min_ms": 100, "reconnect_max_ms": 50},
    ],
)
def test_limits_that_bound_nothing_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        StorageLimits(**limits)
