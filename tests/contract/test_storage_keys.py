"""The contract of tenants and keys, and of readiness, on every back end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from broker.errors import Conflict, NotFound, Overloaded, Unrecorded
from broker.storage.records import StorageLimits
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import TENANT, a_claim, a_commit, a_key


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url, StorageLimits(rows_max=3)) as store:
        yield store


@pytest.mark.parametrize(
    "key",
    [
        a_key(),
        a_key(scopes=()),
        a_key(agent="agent-7", expires_ms=9_000, revoked_ms=8_000),
    ],
    ids=["plain", "without scopes", "with everything"],
)
async def test_a_key_comes_back_as_it_went(store: Store, key: object) -> None:
    assert isinstance(key, type(a_key()))
    await store.create_key(key)
    assert await store.find_key("k1") == key
    assert await store.list_keys(TENANT) == [key]


async def test_an_unknown_key_is_nobodys(store: Store) -> None:
    assert await store.find_key("k1") is None
    assert await store.list_keys(TENANT) == []


async def test_a_key_id_exists_once_over_all_tenants(store: Store) -> None:
    await store.create_key(a_key())
    for again in (a_key(), a_key(tenant="globex", consumer="thief")):
        with pytest.raises(Conflict):
            await store.create_key(again)
    assert await store.find_key("k1") == a_key()


async def test_a_tenant_lists_its_own_keys_oldest_first_and_no_more_than_the_limit(store: Store) -> None:
    keys = [a_key(f"k{n}", created_ms=5_000 - n) for n in range(4)]
    for key in (*keys, a_key("other", tenant="globex", created_ms=1)):
        await store.create_key(key)
    assert await store.list_keys(TENANT) == [keys[3], keys[2], keys[1]]


async def test_a_revoked_key_keeps_its_first_instant(store: Store) -> None:
    await store.create_key(a_key())
    await store.revoke_key(TENANT, "k1", 2_000)
    await store.revoke_key(TENANT, "k1", 3_000)
    assert await store.find_key("k1") == msgspec.structs.replace(a_key(), revoked_ms=2_000)


@pytest.mark.parametrize(("tenant", "key_id"), [(TENANT, "k2"), ("globex", "k1")])
async def test_only_ones_own_keys_can_be_revoked(store: Store, tenant: str, key_id: str) -> None:
    await store.create_key(a_key())
    with pytest.raises(NotFound):
        await store.revoke_key(tenant, key_id, 2_000)
    assert await store.find_key("k1") == a_key()


async def test_a_tenant_is_made_once(url: str, store: Store) -> None:
    await store.ensure_tenant(TENANT, 1_000)
    await store.ensure_tenant(TENANT, 2_000)
    await store.create_key(a_key(created_ms=3_000))
    assert await execute(url, "SELECT tenant, created_ms FROM tenants") == [(TENANT, 1_000)]


@pytest.mark.parametrize("scope", ["two words", "", "tab\there", " padded"])
async def test_a_scope_that_would_read_back_as_another_is_refused(store: Store, scope: str) -> None:
    with pytest.raises(ValueError, match="one word"):
        await store.create_key(a_key(scopes=(scope,)))


async def test_a_hash_that_is_not_one_is_refused(store: Store) -> None:
    with pytest.raises(Unrecorded):
        await store.create_key(a_key(secret_hash=b"short"))
    assert await store.find_key("k1") is None


def test_reprs_show_identifiers_only() -> None:
    key = a_key(secret_hash=b"S" * 32)
    claim = a_claim(key="a caller's own words", fingerprint=b"S" * 32)
    commit = a_commit(subject=b"S" * 32, record=b"S" * 32, evidence=b"S" * 32, conversation_id="a caller's own words")
    for shown in (repr(key), repr(claim), repr(commit)):
        assert "SSSS" not in shown
        assert "own words" not in shown


async def test_a_ready_store_answers_and_a_probe_is_a_real_commit(store: Store) -> None:
    await store.ping()
    await store.ping()
    assert store.stats.commits == 2


async def test_reads_are_bounded_in_number(url: str) -> None:
    import asyncio

    async with storing(url, StorageLimits(reads_max=2)) as store:
        outcomes = await asyncio.gather(*(store.find_key("k1") for _ in range(6)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None)] * 2 + [Overloaded] * 4
        assert await store.find_key("k1") is None, "and free again afterwards"


async def test_a_closed_store_records_nothing(url: str) -> None:
    async with storing(url) as store:
        pass
    with pytest.raises(Unrecorded):
        await store.settle(a_commit())
    assert await execute(url, "SELECT count(*) FROM checks") == [(0,)]
