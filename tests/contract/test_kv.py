"""The contract of fast shared state: in memory, and in Valkey."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from broker.errors import Overloaded
from broker.storage.kv import MEMBERS_MAX, Kv, MemoryKv, Take
from broker.storage.valkey import ValkeyKv
from tests.support.clocks import HandClock
from tests.support.valkey import valkey


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with valkey() as url:
        yield url


@pytest.fixture(params=["memory", "valkey"])
async def kv(request: pytest.FixtureRequest, server: str) -> AsyncIterator[Kv]:
    made: Kv = MemoryKv(HandClock().monotonic_s)
    if request.param == "valkey":
        made = ValkeyKv(server, connections_max=8, wait_s=5)
        await made._redis.flushall()
    yield made
    await made.aclose()


async def test_all_is_taken_or_nothing(kv: Kv) -> None:
    roomy, tight = Take("roomy", 1, 10, 60), Take("tight", 2, 3, 60)
    taken = await kv.take([roomy, tight])
    assert (taken.counts, taken.refused) == ((1, 2), None)
    again = await kv.take([roomy, tight])
    assert (again.counts, again.refused) == ((1, 2), 1)
    assert (await kv.take([roomy])).counts == (2,)


async def test_of_many_at_once_exactly_as_many_get_something_as_there_is(kv: Kv) -> None:
    answers = await asyncio.gather(*(kv.take([Take("shared", 1, 7, 60)]) for _ in range(50)))
    assert sum(answer.refused is None for answer in answers) == 7


async def test_what_was_seen_is_seen_once(kv: Kv) -> None:
    answers = await asyncio.gather(*(kv.put_if_absent("proof", 60) for _ in range(50)))
    assert sum(answers) == 1
    assert await kv.put_if_absent("another", 60)


async def test_nothing_at_all_can_be_taken_where_the_limit_is_none(kv: Kv) -> None:
    assert (await kv.take([Take("closed", 1, 0, 60)])).refused == 0


async def test_of_any_two_that_join_the_later_sees_the_earlier_until_it_leaves(kv: Kv) -> None:
    members = [b"%d" % n for n in range(20)]
    seen = dict(zip(members, await asyncio.gather(*(kv.join("ana", one, 60) for one in members)), strict=True))
    for one in members:
        assert one not in seen[one]
        assert all((other in seen[one]) != (one in seen[other]) for other in members if other != one)
    assert await kv.join("ben", b"0", 60) == ()
    for one in members[1:]:
        await kv.leave("ana", one)
    await kv.leave("ana", b"never there")
    assert await kv.join("ana", b"last", 60) == (b"0",)


async def test_no_more_join_than_can_be_looked_at(kv: Kv) -> None:
    for n in range(MEMBERS_MAX):
        await kv.join("herd", b"%d" % n, 60)
    with pytest.raises(Overloaded):
        await kv.join("herd", b"one more", 60)
    await kv.leave("herd", b"0")
    assert len(await kv.join("herd", b"one more", 60)) == MEMBERS_MAX - 1


async def test_who_never_leaves_is_forgotten_in_time(server: str) -> None:
    clock = HandClock()
    memory = MemoryKv(clock.monotonic_s)
    await memory.join("ana", b"dead", 60)
    clock.advance(60)
    assert await memory.join("ana", b"next", 60) == ()
    kv = ValkeyKv(server, connections_max=2, wait_s=5)
    await kv._redis.flushall()
    await kv._redis.zadd("trust-broker:ana", {b"dead": 1})
    assert await kv.join("ana", b"next", 60) == ()
    assert 0 < await kv._redis.ttl("trust-broker:ana") <= 60
    await kv.aclose()


async def test_memory_forgets_in_time_and_refuses_when_full() -> None:
    clock = HandClock()
    kv = MemoryKv(clock.monotonic_s, entries_max=2)
    assert await kv.put_if_absent("a", 10)
    assert await kv.put_if_absent("b", 20)
    with pytest.raises(Overloaded):
        await kv.put_if_absent("c", 10)
    clock.advance(10)
    assert await kv.put_if_absent("c", 10)
    assert not await kv.put_if_absent("b", 10)


async def test_two_nodes_count_together_and_time_runs_on_the_server(server: str) -> None:
    nodes = [ValkeyKv(server, connections_max=4, wait_s=5) for _ in range(2)]
    await nodes[0]._redis.flushall()
    taken = await asyncio.gather(*(nodes[n % 2].take([Take("both", 1, 5, 60)]) for n in range(20)))
    assert sum(answer.refused is None for answer in taken) == 5
    assert 0 < await nodes[0]._redis.ttl("trust-broker:both") <= 60
    for node in nodes:
        await node.aclose()


async def test_without_an_answer_nothing_is_let_through() -> None:
    kv = ValkeyKv("unix:///nowhere/kv.sock", connections_max=1, wait_s=1)
    with pytest.raises(Overloaded):
        await kv.put_if_absent("x", 1)
    with pytest.raises(Overloaded):
        await kv.join("x", b"y", 1)
    with pytest.raises(Overloaded):
        await kv.take([Take("x", 1, 1, 1)])
    await kv.aclose()
