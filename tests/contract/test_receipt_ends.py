"""How receipts end, on every back end: once, whoever tries on however many nodes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from broker.storage.policy_store import Entry
from broker.storage.receipt_store import CONSUMED, REVOKED, ReceiptEnd
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import a_commit

END = ReceiptEnd("acme", "chk_1", "chk_1", CONSUMED, "shop", None, 1_000)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def leaf(number: int) -> Entry:
    return Entry(f"rce_{number}", b"leaf", b"h" * 32)


async def test_of_two_hundred_at_once_on_two_nodes_exactly_one_is_first(url: str, store: Store) -> None:
    await store.settle(a_commit())
    async with storing(url) as other:
        tries = [
            (store, other)[number % 2].receipts.end(
                msgspec.structs.replace(END, by=f"shop-{number}", how=(CONSUMED, REVOKED)[number % 5 == 0]),
                0,
                leaf(number),
            )
            for number in range(200)
        ]
        won = await asyncio.gather(*tries)
    assert won.count(True) == 1
    found = await store.receipts.find("acme", "chk_1")
    assert found is not None
    assert found.by == f"shop-{won.index(True)}"
    assert await execute(url, "SELECT check_id FROM log_leaves WHERE check_id LIKE 'rce%'") == [
        (f"rce_{won.index(True)}",)
    ]
    assert await store.receipts.of_check("acme", "chk_1") == [found]


async def test_another_tenants_receipt_of_the_same_name_is_another(store: Store) -> None:
    for tenant in ("acme", "globex"):
        await store.settle(a_commit(tenant=tenant))
    assert await store.receipts.end(END, 0, leaf(1))
    assert await store.receipts.find("globex", "chk_1") is None
    assert await store.receipts.end(msgspec.structs.replace(END, tenant="globex"), 0, leaf(2))


async def test_a_check_at_another_revision_has_another_receipt(store: Store) -> None:
    await store.settle(a_commit())
    assert not await store.receipts.end(END, 1, leaf(1))
    assert await store.receipts.find("acme", "chk_1") is None
    found = await store.receipts.standing("acme", "chk_1", "chk_1")
    assert found is not None
    assert (found.revision, found.settled_ms) == (0, 1_200)
    assert await store.receipts.standing("acme", "chk_1", "chk_1.1") is None
    assert await store.receipts.end(END, 0, leaf(1))
