"""The contract of what governs checks, on every back end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from broker.domain.governance import ChangeKind, ChangeState, PolicyChange, PolicyVersion, Shadow, Stop, StopKind
from broker.errors import Conflict, Unrecorded
from broker.storage import policy_store
from broker.storage.policy_store import Entry, RecordedCheck
from broker.storage.store import Store
from broker.storage.unit_of_work import Step
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import TENANT, a_commit

TEXT = "id: payment\n"
DIGEST = b"d" * 32
VERSION = PolicyVersion(TENANT, "payment", 1, DIGEST, "ana", 1_000)
PENDING = PolicyChange(
    tenant=TENANT,
    change_id="pch_1",
    policy_id="payment",
    version=1,
    base_version=None,
    kind=ChangeKind.PUBLISH,
    direction="looser",
    state=ChangeState.PENDING,
    requested_by="ana",
    requested_ms=1_000,
)
APPROVED = msgspec.structs.replace(
    PENDING, state=ChangeState.APPROVED, decided_by="luis", decided_ms=2_000, effective_ms=5_000, place=1
)
STOP = Stop(
    tenant=TENANT, stop_id="stp_1", kind=StopKind.AGENT, value="till", reason="x", stopped_by="ana", stopped_ms=1_000
)
SHADOW = Shadow(TENANT, "shd_1", "payment", DIGEST, "ana", 1_000)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def a_leaf(name: str = "pev_1") -> Entry:
    return Entry(name, f"leaf of {name}".encode(), b"h" * 32)


def publishing() -> list[Step]:
    return [
        policy_store.add_text(TENANT, DIGEST, TEXT, 1_000),
        policy_store.add_version(VERSION),
        policy_store.add_change(PENDING),
    ]


async def test_what_was_put_in_comes_back(store: Store) -> None:
    policies = store.policies
    await policies.amend(TENANT, 0, publishing(), [a_leaf()])
    assert await policies.versions(TENANT) == [VERSION]
    assert await policies.changes(TENANT) == [PENDING]
    assert await policies.texts(TENANT, [DIGEST, b"e" * 32]) == {DIGEST: TEXT}
    await policies.amend(TENANT, 1, [policy_store.decide_change(APPROVED)], [a_leaf("pev_2")])
    assert await policies.changes(TENANT) == [APPROVED]
    await policies.amend(TENANT, 2, [policy_store.add_stop(STOP), policy_store.add_shadow(SHADOW)], [])
    assert (await policies.stops(TENANT), await policies.shadows(TENANT)) == ([STOP], [SHADOW])
    resumed = msgspec.structs.replace(STOP, resumed_by="luis", resumed_ms=3_000)
    ended = msgspec.structs.replace(SHADOW, ended_ms=3_000)
    await policies.amend(TENANT, 3, [policy_store.resume(resumed), policy_store.end_shadow(ended)], [])
    assert (await policies.stops(TENANT), await policies.shadows(TENANT)) == ([resumed], [ended])


async def test_every_change_moves_the_tenants_number_and_that_of_all(store: Store) -> None:
    await store.policies.amend(TENANT, 0, publishing(), [])
    await store.policies.amend("globex", 0, [], [])
    await store.policies.amend(TENANT, 1, [], [])
    found = [await store.policies.revision(tenant) for tenant in (TENANT, "globex", "nobody")]
    assert (found, await store.policies.revision()) == ([2, 1, 0], 3)


async def test_a_change_for_another_revision_changes_nothing(url: str, store: Store) -> None:
    await store.policies.amend(TENANT, 0, publishing(), [a_leaf()])
    for stale in (0, 2):
        with pytest.raises(Conflict):
            await store.policies.amend(TENANT, stale, [policy_store.add_stop(STOP)], [a_leaf("pev_2")])
    assert await store.policies.stops(TENANT) == []
    assert await execute(url, "SELECT check_id FROM log_leaves") == [("pev_1",)]
    assert await store.policies.revision() == 1


async def test_of_many_changes_at_once_on_two_nodes_exactly_one_succeeds(url: str, store: Store) -> None:
    async with storing(url) as other:
        await store.policies.amend(TENANT, 0, publishing(), [])
        stops = [msgspec.structs.replace(STOP, stop_id=f"stp_{number}") for number in range(8)]
        outcomes = await asyncio.gather(
            *(
                node.policies.amend(TENANT, 1, [policy_store.add_stop(stop)], [a_leaf(stop.stop_id)])
                for stop in stops
                for node in [(store, other)[int(stop.stop_id[-1]) % 2]]
            ),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 7 + ["NoneType"]
        assert len(await store.policies.stops(TENANT)) == 1


async def test_a_version_is_never_replaced(store: Store) -> None:
    await store.policies.amend(TENANT, 0, publishing(), [])
    again = msgspec.structs.replace(VERSION, added_by="eve")
    with pytest.raises(Unrecorded):
        await store.policies.amend(TENANT, 1, [policy_store.add_version(again)], [])
    assert await store.policies.versions(TENANT) == [VERSION]
    assert await store.policies.revision(TENANT) == 1, "the whole change is gone, the guard with it"


async def test_a_version_without_its_text_is_refused(store: Store) -> None:
    with pytest.raises(Unrecorded):
        await store.policies.amend(TENANT, 0, [policy_store.add_version(VERSION)], [])


async def test_tenants_do_not_meet(store: Store) -> None:
    await store.policies.amend(TENANT, 0, [*publishing(), policy_store.add_stop(STOP)], [])
    policies = store.policies
    assert await policies.versions("globex") == []
    assert await policies.changes("globex") == []
    assert await policies.stops("globex") == []
    assert await policies.texts("globex", [DIGEST]) == {}


async def test_a_node_replaces_its_own_counts_and_no_others(store: Store) -> None:
    await store.policies.amend(TENANT, 0, [*publishing(), policy_store.add_shadow(SHADOW)], [])
    for node, payload in (("one", b"1"), ("two", b"2"), ("one", b"3")):
        await store.policies.write_tally(TENANT, SHADOW.shadow_id, node, payload, 1_000)
    assert sorted(await store.policies.tallies(TENANT, SHADOW.shadow_id)) == [b"2", b"3"]


async def test_recorded_checks_come_in_order_page_by_page(store: Store) -> None:
    for number in (3, 1, 2, 4):
        await store.settle(a_commit(f"chk_{number}", settled_ms=number * 1_000))
    await store.settle(a_commit("chk_5", tenant="globex", settled_ms=2_000))

    async def page(**changes: int | str) -> list[str]:
        asked = {"after": "", "from_ms": 0, "until_ms": 10_000, "limit": 10} | changes
        found = await store.policies.recorded(TENANT, **asked)  # type: ignore[arg-type]
        return [one.check_id for one in found]

    assert await page() == ["chk_1", "chk_2", "chk_3", "chk_4"]
    assert await page(limit=2) == ["chk_1", "chk_2"]
    assert await page(after="chk_2") == ["chk_3", "chk_4"]
    assert await page(from_ms=2_000, until_ms=4_000) == ["chk_2", "chk_3"]
    (one,) = await store.policies.recorded(TENANT, after="chk_3", from_ms=0, until_ms=10_000, limit=1)
    assert one == RecordedCheck("chk_4", 4_000, b"record of chk_4", b"evidence of chk_4", b"pseudonym")
    assert repr(one) == "RecordedCheck(chk_4)"
