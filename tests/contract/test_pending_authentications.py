"""The contract of what is remembered about persons under question, for the kit's own memory and for every back end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.adapter_kit.ciba import Pending, PendingKey, PendingMemory, PendingStore
from broker.operators.pending import DurablePending
from tests.support.databases import BACKENDS, database, execute, storing

KEY = PendingKey("acme", b"k" * 32)
ASKED = Pending("request-1", None, 2_000, 1_000, 120_000, 420_000)
REFUSED = Pending(None, "access_denied", 0, 500_000, 500_000, 500_000)


@pytest.fixture(params=["memory", *BACKENDS])
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PendingStore]:
    if request.param == "memory":
        yield PendingMemory()
        return
    with database(request.param, tmp_path) as url:
        async with storing(url) as store:
            yield DurablePending(store)


async def test_what_was_put_is_found_with_its_version(memory: PendingStore) -> None:
    assert await memory.find_pending(KEY) is None
    version = await memory.swap_pending(KEY, 0, ASKED)
    found = await memory.find_pending(KEY)
    assert found is not None
    assert version
    assert (found.version, found.pending) == (version, ASKED)


async def test_only_the_version_that_was_seen_is_changed(memory: PendingStore) -> None:
    first = await memory.swap_pending(KEY, 0, ASKED)
    assert await memory.swap_pending(KEY, 0, REFUSED) == 0
    assert await memory.swap_pending(KEY, first + 1, REFUSED) == 0
    second = await memory.swap_pending(KEY, first, REFUSED)
    assert second not in {0, first}
    assert await memory.swap_pending(KEY, first, ASKED) == 0
    assert await memory.swap_pending(KEY, first, None) == 0
    found = await memory.find_pending(KEY)
    assert found is not None
    assert found.pending == REFUSED


async def test_a_row_that_comes_again_is_not_the_one_before(memory: PendingStore) -> None:
    first = await memory.swap_pending(KEY, 0, ASKED)
    assert await memory.swap_pending(KEY, first, None)
    assert await memory.find_pending(KEY) is None
    again = await memory.swap_pending(KEY, 0, ASKED)
    assert again not in {0, first}
    assert await memory.swap_pending(KEY, first, None) == 0


async def test_of_many_that_begin_exactly_one_does(memory: PendingStore) -> None:
    versions = await asyncio.gather(*(memory.swap_pending(KEY, 0, ASKED) for _ in range(20)))
    assert len([version for version in versions if version]) == 1
    (seen,) = (version for version in versions if version)
    turns = await asyncio.gather(*(memory.swap_pending(KEY, seen, REFUSED) for _ in range(20)))
    assert len([version for version in turns if version]) == 1


async def test_tenants_and_questions_are_apart(memory: PendingStore) -> None:
    await memory.swap_pending(KEY, 0, ASKED)
    for other in (PendingKey("globex", KEY.digest), PendingKey("acme", b"o" * 32)):
        assert await memory.find_pending(other) is None
        assert await memory.swap_pending(other, 0, REFUSED)
    found = await memory.find_pending(KEY)
    assert found is not None
    assert found.pending == ASKED


@pytest.mark.parametrize("backend", BACKENDS)
async def test_what_is_over_goes_and_the_rest_stays(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        async with storing(url) as store:
            memory = DurablePending(store)
            for number, until_ms in enumerate((1, 2, 3)):
                key = PendingKey("acme", bytes([number]) * 32)
                await memory.swap_pending(key, 0, Pending(None, "access_denied", 0, 0, 0, until_ms))
            assert await store.purge_pending(2, 1) == 1
            assert await store.purge_pending(2, 10) == 1
            assert await store.purge_pending(2, 10) == 0
            assert await memory.find_pending(PendingKey("acme", bytes([2]) * 32)) is not None


@pytest.mark.parametrize("backend", BACKENDS)
async def test_another_process_finds_it_and_no_number_lies_there(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        async with storing(url) as store:
            version = await DurablePending(store).swap_pending(KEY, 0, ASKED)
        async with storing(url) as store:
            found = await DurablePending(store).find_pending(KEY)
            assert found is not None
            assert (found.version, found.pending) == (version, ASKED)
        rows = await execute(url, "SELECT tenant, key, body FROM pending_authentications")
        assert len(rows) == 1
        assert "+34" not in repr(rows)


def test_reprs_hold_no_request_id() -> None:
    assert "request-1" not in repr(ASKED)
    assert "kkk" not in repr(KEY)
