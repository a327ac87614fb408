"""The contract of revisions: one winner, nothing overwritten, a leaf for each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from broker.storage.records import RevisionCommit, StoredRevision
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import TENANT, a_commit


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def a_revision(revision: int = 1, writer: str = "") -> RevisionCommit:
    return RevisionCommit(
        tenant=TENANT,
        check_id="chk_1",
        revision=revision,
        decision="allow",
        verdict="trusted",
        trust_score=900,
        settled_ms=9_000,
        record=f"record {revision}{writer}".encode(),
        evidence=f"evidence {revision}{writer}".encode(),
        entry=f"chk_1.{revision}",
        leaf_hash=b"h" * 32,
        leaf_body=f"leaf {revision}{writer}".encode(),
    )


async def test_what_was_is_kept_and_what_is_takes_its_place(store: Store) -> None:
    first = a_commit()
    await store.settle(first)
    assert await store.revisions.add(a_revision(1))
    assert await store.revisions.add(a_revision(2))

    found = await store.find_check(TENANT, "chk_1")
    assert found is not None
    assert (found.record, found.evidence, found.settled_ms) == (b"record 2", b"evidence 2", 9_000)
    assert await store.revisions.earlier(TENANT, "chk_1") == [
        StoredRevision(0, first.settled_ms, first.record, first.evidence),
        StoredRevision(1, 9_000, b"record 1", b"evidence 1"),
    ]


async def test_every_revision_has_its_leaf(url: str, store: Store) -> None:
    await store.settle(a_commit())
    await store.revisions.add(a_revision(1))
    rows = await execute(url, "SELECT check_id, body FROM log_leaves ORDER BY seq")
    assert [(name, bytes(body)) for name, body in rows][1:] == [("chk_1.1", b"leaf 1")]


@pytest.mark.parametrize("revision", [0, 2, 7])
async def test_a_revision_follows_the_one_that_was_seen(url: str, store: Store, revision: int) -> None:
    await store.settle(a_commit())
    assert not await store.revisions.add(a_revision(revision))
    found = await store.find_check(TENANT, "chk_1")
    assert found is not None
    assert found.record == a_commit().record
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 1


async def test_a_check_that_is_not_there_or_anothers_gets_none(url: str, store: Store) -> None:
    await store.settle(a_commit())
    assert not await store.revisions.add(msgspec.structs.replace(a_revision(), check_id="chk_2"))
    assert not await store.revisions.add(msgspec.structs.replace(a_revision(), tenant="other"))
    assert await execute(url, "SELECT 1 FROM check_revisions") == []


async def test_of_many_at_once_exactly_one_wins(url: str, store: Store) -> None:
    await store.settle(a_commit())
    async with storing(url) as other:
        nodes = (store, other)
        won = await asyncio.gather(*(nodes[n % 2].revisions.add(a_revision(1, f" of {n}")) for n in range(200)))
    assert sum(won) == 1
    found = await store.find_check(TENANT, "chk_1")
    assert found is not None
    assert found.record == f"record 1 of {won.index(True)}".encode()
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 2
