"""Grants on both databases: added once, withdrawn once, of one tenant, and never gone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.domain.disclosure import Disclosure, TenantGrant
from broker.storage.policy_store import Entry
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, storing

GRANT = TenantGrant(
    tenant="acme",
    grant_id="dgr_1",
    disclosure=Disclosure.LOCATION_AREA,
    purpose="FraudPreventionAndDetection",
    reason="lost riders",
    granted_by="ana",
    granted_ms=1_000,
    expires_ms=5_000,
)


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    with database(request.param, tmp_path) as url:
        async with storing(url) as store:
            yield store


def a_leaf(name: str) -> Entry:
    return Entry(name, name.encode(), name.encode() * 2)


def a_grant(grant_id: str, **changes: Any) -> TenantGrant:
    return msgspec.structs.replace(GRANT, grant_id=grant_id, **changes)


async def test_the_one_that_ends_last_counts_of_what_nobody_withdrew(store: Store) -> None:
    later = a_grant("dgr_2", expires_ms=9_000)
    others = [
        a_grant("dgr_3", expires_ms=8_000, purpose="Other"),
        a_grant("dgr_4", disclosure=Disclosure.IDENTITY_RECORD),
    ]
    for grant in (GRANT, later, *others):
        await store.disclosures.add(grant, a_leaf(grant.grant_id))
    assert await store.disclosures.longest("acme", GRANT.disclosure, GRANT.purpose) == later
    ended = msgspec.structs.replace(later, withdrawn_by="luis", withdrawn_ms=2_000)
    assert await store.disclosures.withdraw(ended, a_leaf("w"))
    assert await store.disclosures.longest("acme", GRANT.disclosure, GRANT.purpose) == GRANT
    assert await store.disclosures.find("acme", "dgr_2") == ended
    assert set(await store.disclosures.of_tenant("acme")) == {GRANT, ended, *others}


async def test_of_several_who_withdraw_one_is_on_record(store: Store) -> None:
    await store.disclosures.add(GRANT, a_leaf("g"))
    rivals = [msgspec.structs.replace(GRANT, withdrawn_by=name, withdrawn_ms=2_000) for name in ("ana", "luis")]
    won = await asyncio.gather(*(store.disclosures.withdraw(one, a_leaf(f"w-{one.withdrawn_by}")) for one in rivals))
    assert sorted(won) == [False, True]
    assert await store.disclosures.find("acme", "dgr_1") == rivals[won.index(True)]


async def test_it_is_nobody_elses(store: Store) -> None:
    await store.disclosures.add(GRANT, a_leaf("g"))
    assert await store.disclosures.find("globex", "dgr_1") is None
    assert await store.disclosures.of_tenant("globex") == []
    assert await store.disclosures.longest("globex", GRANT.disclosure, GRANT.purpose) is None
    stolen = msgspec.structs.replace(GRANT, tenant="globex", withdrawn_by="eve", withdrawn_ms=2_000)
    assert not await store.disclosures.withdraw(stolen, a_leaf("w"))
    assert await store.disclosures.find("acme", "dgr_1") == GRANT


def test_a_grant_stands_from_its_instant_to_its_end() -> None:
    assert [GRANT.stands(at_ms) for at_ms in (999, 1_000, 4_999, 5_000)] == [False, True, True, False]
    assert not msgspec.structs.replace(GRANT, withdrawn_by="ana", withdrawn_ms=2_000).stands(3_000)
