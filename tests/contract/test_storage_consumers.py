"""The contract of nested tenants, OAuth clients, used ids and budgets on every back end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from broker.domain.event import Event
from broker.errors import Conflict, NotFound
from broker.storage.consumer_store import ClientRow, ConsumerStore, Purse, TenantRow, TrustedIssuer, UsedId
from broker.storage.event_store import put
from tests.support.databases import BACKENDS, database, storing

CLIENT = ClientRow(
    tenant="acme",
    client_id="cl_1",
    consumer="shop",
    agent="till",
    jwks='{"keys":[]}',
    scopes=("trust:check", "trust:explain"),
    bound=True,
    delegates=False,
    created_ms=5,
)
PURSE = Purse("acme", "2026-11", "EUR")


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ConsumerStore]:
    with database(request.param, tmp_path) as url:
        async with storing(url) as whole:
            await whole.ensure_tenant("acme", 1)
            yield whole.consumers


async def test_a_tenant_knows_the_platforms_above_it(store: ConsumerStore) -> None:
    await store.add_tenant(TenantRow("acme.shop", 2, "acme", limits='{"a":1}'))
    await store.add_tenant(TenantRow("acme.shop.till", 3, "acme.shop"))
    lineage = await store.lineage("acme.shop.till")
    assert [each.tenant for each in lineage] == ["acme.shop.till", "acme.shop", "acme"]
    assert lineage[1].limits == '{"a":1}'
    assert await store.lineage("nobody") == []
    assert [row.tenant for row in await store.below("acme", 1, "", 9)] == ["acme.shop"]
    assert [row.tenant for row in await store.below("acme", 2, "", 9)] == ["acme.shop", "acme.shop.till"]
    assert await store.below("acme", 2, "acme.shop", 9) == [TenantRow("acme.shop.till", 3, "acme.shop")]
    assert [row.tenant for row in await store.below("acme", 4, "", 1)] == ["acme.shop"]
    with pytest.raises(Conflict):
        await store.add_tenant(TenantRow("acme.shop", 9, "globex"))


async def test_a_suspension_keeps_its_first_instant_and_can_end(store: ConsumerStore) -> None:
    await store.suspend("acme", 7)
    await store.suspend("acme", 9)
    assert (await store.lineage("acme"))[0].suspended_ms == 7
    await store.resume("acme")
    await store.limit("acme", '{"b":2}')
    assert (await store.lineage("acme"))[0].suspended_ms is None
    assert (await store.lineage("acme"))[0].limits == '{"b":2}'
    with pytest.raises(NotFound):
        await store.suspend("nobody", 1)


async def test_a_client_comes_back_as_it_went_and_its_id_exists_once(store: ConsumerStore) -> None:
    await store.add_client(CLIENT)
    assert await store.find_client("cl_1") == CLIENT
    assert await store.clients("acme") == [CLIENT]
    assert await store.clients("globex") == []
    with pytest.raises(Conflict):
        await store.add_client(CLIENT)
    with pytest.raises(NotFound):
        await store.disable_client("globex", "cl_1", 9)
    await store.disable_client("acme", "cl_1", 9)
    found = await store.find_client("cl_1")
    assert found is not None
    assert found.disabled_ms == 9
    await store.enable_client("acme", "cl_1")
    await store.rekey_client("acme", "cl_1", "", "https://keys.example/set")
    found = await store.find_client("cl_1")
    assert found == msgspec.structs.replace(CLIENT, jwks="", jwks_uri="https://keys.example/set")
    await store.delete_client("acme", "cl_1")
    assert await store.find_client("cl_1") is None
    for change in (store.enable_client("acme", "cl_1"), store.delete_client("acme", "cl_1")):
        with pytest.raises(NotFound):
            await change


async def test_an_issuer_is_trusted_by_the_tenant_that_says_so_until_it_says_otherwise(store: ConsumerStore) -> None:
    await store.trust(TrustedIssuer("acme", "https://idp", "old", 1))
    await store.trust(TrustedIssuer("acme", "https://idp", "new", 2))
    assert [issuer.jwks for issuer in await store.issuers("acme")] == ["new"]
    assert await store.issuers("globex") == []
    await store.distrust("acme", "https://idp")
    assert await store.issuers("acme") == []
    with pytest.raises(NotFound):
        await store.distrust("acme", "https://idp")


async def test_of_many_who_use_an_id_at_once_one_may(store: ConsumerStore) -> None:
    one = UsedId("acme", "assertion", bytes(32), 1_000)
    assert sorted(await asyncio.gather(*(store.use([one]) for _ in range(20)))) == [False] * 19 + [True]
    assert await store.was_used("acme", "assertion", bytes(32))
    assert not await store.was_used("globex", "assertion", bytes(32))
    assert await store.purge_used(1_000, 10) == 1
    assert await store.use([one])


async def test_of_many_who_spend_at_once_nobody_goes_beyond_the_budget(store: ConsumerStore) -> None:
    spent = await asyncio.gather(*(store.spend(PURSE, 300, 1_000) for _ in range(10)))
    assert sum(spent) == 3
    assert await store.spent("acme", "2026-11") == {"EUR": 900}
    assert await store.spend(PURSE, -300, 1_000)
    assert await store.spend(PURSE, 400, 1_000)
    assert await store.spent("acme", "2026-11") == {"EUR": 1_000}
    assert await store.spent("globex", "2026-11") == {}


async def test_all_purses_of_a_month_are_read_page_by_page(store: ConsumerStore) -> None:
    await store.add_tenant(TenantRow("acme.shop", 2, "acme"))
    there = [Purse("acme", "2026-11", "EUR"), Purse("acme", "2026-11", "USD"), Purse("acme.shop", "2026-11", "EUR")]
    for amount, purse in enumerate((*there, Purse("acme", "2026-10", "EUR")), 1):
        assert await store.spend(purse, amount, 1_000)
    assert await store.purses("2026-11", None, 2) == [(there[0], 1), (there[1], 2)]
    assert await store.purses("2026-11", there[1], 2) == [(there[2], 3)]
    assert await store.purses("2026-11", there[2], 2) == []
    event = put(Event("acme", "evt_1", "budget-2026-11-EUR", "budget.low", b"{}", 7))
    assert [await store.say_low(there[0], 7, event) for _ in range(2)] == [True, False]
    assert await store.purses("2026-11", None, 9) == [(there[1], 2), (there[2], 3)]
