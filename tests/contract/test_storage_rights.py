"""The contract of people's requests: one change of many counts; everything that is held about somebody is found."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from broker.domain.check import Principal
from broker.domain.privacy import ChangeOf, Erasure, RetentionMark, SubjectChange
from broker.domain.rights import RequestCode, RequestState, RightKind, SubjectRequest
from broker.rights import rules
from broker.storage.holdings import HOLDINGS, LEFT_OUT, OF_NOBODY
from broker.storage.policy_store import Entry
from broker.storage.records import StorageLimits
from broker.storage.store import Store
from broker.storage.tables import metadata
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import a_commit

NOW_MS = 1_000_000
SOON_MS = NOW_MS + 60_000
OFFICER = Principal("acme", "officer", None, frozenset(), "k1")


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def a_request(request_id: str = "srq_1", **changes: object) -> SubjectRequest:
    request = SubjectRequest(
        tenant="acme",
        request_id=request_id,
        subject=b"s" * 16,
        kind=RightKind.ACCESS,
        state=RequestState.UNPROVEN,
        version=1,
        about=None,
        sealed=b"words",
        opened_ms=NOW_MS,
        opened_by="portal",
        due_ms=SOON_MS,
        extendable_to_ms=SOON_MS + 60_000,
        lapses_ms=SOON_MS,
    )
    return msgspec.structs.replace(request, **changes)


def leaf(name: str) -> Entry:
    return Entry(name, b"{}", b"h" * 32)


async def test_what_was_kept_is_found_by_its_tenant(store: Store) -> None:
    await store.rights.open(a_request(about="chk_1", kind=RightKind.DISPUTE), leaf("srv_1"))
    kept = a_request(about="chk_1", kind=RightKind.DISPUTE)
    assert await store.rights.find("acme", "srq_1") == kept
    assert await store.rights.find("other", "srq_1") is None
    assert await store.rights.about("acme", "chk_1") == [kept]
    assert await store.rights.about("other", "chk_1") == []


async def test_of_two_hundred_who_collect_an_answer_one_gets_it(url: str, store: Store) -> None:
    await store.rights.open(a_request(), leaf("srv_0"))
    async with storing(url) as other:
        nodes = (store, other)
        done = rules.answer(a_request(), RequestCode.COLLECTED, "portal", NOW_MS)
        moves = [nodes[n % 2].rights.move(done, leaf(f"srv_{n + 1}")) for n in range(200)]
        assert sum(await asyncio.gather(*moves)) == 1
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 2, "a change that lost leaves no trace"


async def test_what_is_due_first_comes_first(store: Store) -> None:
    for number, due_ms in enumerate((SOON_MS + 2, SOON_MS, SOON_MS + 1)):
        await store.rights.open(a_request(f"srq_{number}", due_ms=due_ms), leaf(f"srv_{number}"))
    await store.rights.open(a_request("srq_9", tenant="other"), leaf("srv_9"))
    first = await store.rights.page("acme", "", (0, ""), 2)
    assert [one.request_id for one in first] == ["srq_1", "srq_2"]
    rest = await store.rights.page("acme", "unproven", (first[-1].due_ms, first[-1].request_id), 2)
    assert [one.request_id for one in rest] == ["srq_0"]
    assert await store.rights.page("acme", "answered", (0, ""), 2) == []


async def test_overdue_and_lapsed_are_counted_over_all_tenants_while_they_are_open(store: Store) -> None:
    for number, tenant in enumerate(("acme", "other")):
        await store.rights.open(a_request(f"srq_{number}", tenant=tenant), leaf(f"srv_{number}"))
    accepted = rules.vouch(a_request("srq_0"), OFFICER, NOW_MS, b"w")
    assert await store.rights.move(accepted, leaf("srv_2"))
    assert (await store.rights.overdue(SOON_MS - 1), await store.rights.overdue(SOON_MS)) == (0, 2)
    assert [one.tenant for one in await store.rights.lapsed(SOON_MS, 10)] == ["other"]
    answered = rules.answer(accepted, RequestCode.CARRIED_OUT, "officer", NOW_MS)
    assert await store.rights.move(answered, leaf("srv_3"))
    assert await store.rights.overdue(SOON_MS) == 1


async def test_a_flood_is_counted_by_person_and_by_caller(store: Store) -> None:
    for number in range(3):
        await store.rights.open(a_request(f"srq_{number}", subject=bytes([number]) * 16), leaf(f"srv_{number}"))
    assert await store.rights.lately_about("acme", b"\x01" * 16, NOW_MS, 10) == 1
    assert await store.rights.lately_by("acme", "portal", NOW_MS, 2) == 2
    assert await store.rights.lately_by("acme", "portal", NOW_MS + 1, 10) == 0
    assert await store.rights.lately_by("other", "portal", NOW_MS, 10) == 0


def test_every_table_is_told_of_or_left_out_with_a_reason() -> None:
    told, left_out = set(HOLDINGS), set(LEFT_OUT)
    assert told | left_out | OF_NOBODY == set(metadata.tables)
    assert not told & left_out
    assert not (told | left_out) & OF_NOBODY
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())
    for name in OF_NOBODY:
        columns = set(metadata.tables[name].c.keys())
        assert not columns & {"subject", "check_id", "sealed", "record", "user", "phone"}, name


async def test_what_is_held_about_somebody_is_theirs_alone(store: Store) -> None:
    mine, others = b"s" * 16, b"o" * 16
    for check_id, subject, tenant in (("chk_1", mine, "acme"), ("chk_2", others, "acme"), ("chk_3", mine, "other")):
        await store.settle(a_commit(check_id, tenant=tenant, subject=subject, leaf_hash=check_id.encode() * 6 + b"__"))
    await store.rights.open(a_request(), leaf("srv_1"))
    held = await store.rights.held("acme", mine, 10)
    assert set(held) == set(HOLDINGS)
    assert [one["check_id"] for one in held["checks"]] == ["chk_1"]
    assert [one["check_id"] for one in held["metering"]] in (["chk_1"], [])
    assert [one["request_id"] for one in held["subject_requests"]] == ["srq_1"]
    assert not any((await store.rights.held("acme", b"n" * 16, 10)).values())


async def test_everything_is_told_however_many_pages_it_takes(url: str) -> None:
    async with storing(url, StorageLimits(rows_max=3)) as store:
        for number in range(11):
            at = {"started_ms": NOW_MS, "settled_ms": NOW_MS + number // 4}  # several in one instant
            await store.settle(a_commit(f"chk_{number:02}", subject=b"s" * 16, leaf_hash=bytes([number]) * 32, **at))
        found = [str(one["check_id"]) for one in (await store.rights.held("acme", b"s" * 16, 100))["checks"]]
        assert sorted(found) == [f"chk_{number:02}" for number in range(11)]
        assert found[:3] == ["chk_08", "chk_09", "chk_10"], "newest first"
        assert len((await store.rights.held("acme", b"s" * 16, 7))["checks"]) == 7


async def test_an_erasure_takes_the_words_along_and_leaves_that_somebody_asked(store: Store) -> None:
    await store.rights.open(a_request(), leaf("srv_1"))
    await store.rights.open(a_request("srq_2", subject=b"o" * 16), leaf("srv_2"))
    erasure = Erasure("acme", "ers_1", b"s" * 16, NOW_MS, "officer")
    change = SubjectChange("acme", "chg_1", b"s" * 16, ChangeOf.ERASED, "ers_1", NOW_MS)
    assert await store.privacy.erase(erasure, change, leaf("ers_1"))
    assert await store.rights.find("acme", "srq_1") == a_request(sealed=b"")
    assert await store.rights.find("acme", "srq_2") == a_request("srq_2", subject=b"o" * 16)


async def test_what_is_answered_goes_at_its_age_and_what_is_open_stays(store: Store) -> None:
    for number in range(2):
        answered = {"state": RequestState.ANSWERED, "code": RequestCode.COLLECTED, "closed_ms": NOW_MS + number}
        await store.rights.open(a_request(f"srq_{number}", **answered), leaf(f"srv_{number}"))
    await store.rights.open(a_request("srq_open"), leaf("srv_open"))
    assert await store.privacy.expire(RetentionMark("acme", "requests", NOW_MS + 1, NOW_MS), 0) == 1
    left = await store.rights.page("acme", "", (0, ""), 10)
    assert {one.request_id for one in left} == {"srq_1", "srq_open"}
