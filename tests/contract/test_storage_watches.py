"""The contract of watches: one node takes up what is due, one watch stands for one question; each has its tenant."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.domain import watch as rules
from broker.domain.watch import Watch, WatchCode, WatchState
from broker.storage.policy_store import Entry
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, execute, storing

NOW_MS = 1_000_000


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def a_watch(watch_id: str = "wch_1", **changes: Any) -> Watch:
    watch = Watch(
        tenant="acme",
        watch_id=watch_id,
        subject=b"s" * 16,
        consumer="shop",
        agent="till",
        action_type="payment.transfer",
        purpose="FraudPreventionAndDetection",
        every_s=3600,
        state=WatchState.WATCHING,
        version=1,
        opened_ms=NOW_MS,
        expires_ms=NOW_MS + 86_400_000,
        due_ms=NOW_MS,
        sealed=b"sealed",
    )
    return msgspec.structs.replace(watch, **changes)


def leaf(name: str) -> Entry:
    return Entry(name, b"{}", b"h" * 32)


async def test_what_was_kept_is_found_by_its_tenant_alone(store: Store) -> None:
    assert await store.watches.open(a_watch(), leaf("wce_1"))
    assert await store.watches.find("acme", "wch_1") == a_watch()
    assert await store.watches.find("other", "wch_1") is None
    assert await store.watches.of_consumer("acme", "shop") == [a_watch()]
    assert await store.watches.of_consumer("other", "shop") == []
    assert (await store.watches.count_open("acme"), await store.watches.count_open("other")) == (1, 0)


async def test_one_watch_stands_for_one_question_until_it_is_over(url: str, store: Store) -> None:
    assert await store.watches.open(a_watch(), leaf("wce_1"))
    assert not await store.watches.open(a_watch("wch_2"), leaf("wce_2"))
    assert await store.watches.open(a_watch("wch_3", action_type="sim.order"), leaf("wce_3"))
    assert await store.watches.open(a_watch("wch_4", consumer="desk"), leaf("wce_4"))
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 3, "what was not kept leaves no trace"
    assert await store.watches.move(rules.over(a_watch(), WatchState.ENDED, WatchCode.WITHDRAWN, NOW_MS))
    ended = await store.watches.find("acme", "wch_1")
    assert ended is not None
    assert (ended.state, ended.code, ended.sealed, ended.due_ms) == (WatchState.ENDED, WatchCode.WITHDRAWN, b"", None)
    assert await store.watches.open(a_watch("wch_5"), leaf("wce_5"))


async def test_of_many_nodes_one_takes_up_what_is_due(url: str, store: Store) -> None:
    await store.watches.open(a_watch(), leaf("wce_1"))
    await store.watches.open(a_watch("wch_2", action_type="sim.order", due_ms=NOW_MS + 1), leaf("wce_2"))
    (due,) = await store.watches.due(NOW_MS, 10)
    assert due == a_watch()
    async with storing(url) as other:
        taken = rules.taken(due, NOW_MS, 60_000)
        nodes = (store, other)
        assert sum(await asyncio.gather(*(nodes[n % 2].watches.move(taken) for n in range(50)))) == 1
    assert await store.watches.due(NOW_MS, 10) == []
    # Who took it up and died is followed by another, and comes too late then.
    assert [one.watch_id for one in await store.watches.due(NOW_MS + 60_000, 10)] == ["wch_2", "wch_1"]
    assert await store.watches.move(rules.taken(taken, NOW_MS + 60_000, 60_000))
    assert not await store.watches.move(rules.untold(taken, WatchCode.FAILED, NOW_MS, 1000))
