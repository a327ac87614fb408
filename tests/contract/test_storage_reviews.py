"""The contract of reviews, on every back end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.domain.review import QueueFilter, Review, ReviewState, Ruling, RulingCode
from broker.errors import Unrecorded
from broker.storage.policy_store import Entry
from broker.storage.review_store import PastAsking, Place, Standing
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import TENANT, a_commit, an_outcome

QUEUED = Review(
    tenant=TENANT,
    review_id="rvw_1",
    check_id="chk_1",
    revision=1,
    state=ReviewState.QUEUED,
    version=1,
    subject=b"pseudonym",
    action_type="payment.transfer",
    action_class="high",
    asked_by="wallet",
    asked_agent="agent-7",
    requested_by="wallet",
    requested_agent=None,
    justification="they said it is urgent",
    opened_ms=1_000,
    expires_ms=9_000,
    due_ms=9_000,
)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def a_leaf(name: str = "rev_1") -> Entry:
    return Entry(name, f"leaf of {name}".encode(), b"h" * 32)


def another(number: int, **changes: Any) -> Review:
    return msgspec.structs.replace(QUEUED, review_id=f"rvw_{number}", check_id=f"chk_{number}", **changes)


def claimed(by: str, review: Review = QUEUED) -> Review:
    return msgspec.structs.replace(
        review, state=ReviewState.CLAIMED, version=review.version + 1, claimed_by=by, claimed_until_ms=5_000
    )


DECIDED = msgspec.structs.replace(
    claimed("ana"),
    state=ReviewState.DECIDED,
    version=3,
    due_ms=4_000,
    claimed_until_ms=None,
    closed_by="ana",
    closed_ms=3_000,
    ruling=Ruling.APPROVE,
    code=RulingCode.CUSTOMER_CONFIRMED,
    reason="called back",
)


async def test_what_was_put_in_comes_back_at_every_step(url: str, store: Store) -> None:
    assert await store.reviews.open(QUEUED, a_leaf())
    assert await store.reviews.find(TENANT, "rvw_1") == QUEUED
    assert await store.reviews.of_check(TENANT, "chk_1") == QUEUED
    for number, step in enumerate((claimed("ana"), DECIDED), start=2):
        assert await store.reviews.move(step, a_leaf(f"rev_{number}"))
        assert await store.reviews.find(TENANT, "rvw_1") == step
    assert await execute(url, "SELECT check_id FROM log_leaves ORDER BY seq") == [("rev_1",), ("rev_2",), ("rev_3",)]


async def test_a_check_has_one_review_and_the_second_leaves_nothing_behind(url: str, store: Store) -> None:
    assert await store.reviews.open(QUEUED, a_leaf())
    assert not await store.reviews.open(msgspec.structs.replace(QUEUED, review_id="rvw_2"), a_leaf("rev_2"))
    assert await store.reviews.find(TENANT, "rvw_2") is None
    assert await execute(url, "SELECT check_id FROM log_leaves") == [("rev_1",)]


async def test_of_two_hundred_claims_at_once_on_two_nodes_exactly_one_succeeds(url: str, store: Store) -> None:
    await store.reviews.open(QUEUED, a_leaf())
    async with storing(url) as other:
        won = await asyncio.gather(
            *(
                (store, other)[number % 2].reviews.move(claimed(f"person-{number}"), a_leaf(f"claim_{number}"))
                for number in range(200)
            )
        )
    assert won.count(True) == 1
    found = await store.reviews.find(TENANT, "rvw_1")
    assert found is not None
    assert found.claimed_by == f"person-{won.index(True)}"
    assert await execute(url, "SELECT count(*) FROM log_leaves") == [(2,)], "the losers left no leaf"


async def test_an_answer_is_never_taken_twice(store: Store) -> None:
    await store.reviews.open(QUEUED, a_leaf())
    await store.reviews.move(claimed("ana"), a_leaf("rev_2"))
    denied = msgspec.structs.replace(DECIDED, ruling=Ruling.DENY, code=RulingCode.NOT_CONFIRMED)
    won = await asyncio.gather(
        *(store.reviews.move(one, a_leaf(f"rev_{place}")) for place, one in enumerate((DECIDED, denied), start=3))
    )
    assert sorted(won) == [False, True]
    assert await store.reviews.find(TENANT, "rvw_1") == (DECIDED, denied)[won.index(True)]


@pytest.mark.parametrize(
    "broken",
    [
        msgspec.structs.replace(DECIDED, reason=None),
        msgspec.structs.replace(DECIDED, closed_by=None),
        msgspec.structs.replace(DECIDED, state=ReviewState.EXPIRED),
        msgspec.structs.replace(DECIDED, state=ReviewState.QUEUED),
    ],
)
async def test_a_half_decided_review_is_refused_by_the_database(store: Store, broken: Review) -> None:
    await store.reviews.open(QUEUED, a_leaf())
    with pytest.raises(Unrecorded):
        await store.reviews.move(msgspec.structs.replace(broken, version=2), a_leaf("rev_2"))
    assert await store.reviews.find(TENANT, "rvw_1") == QUEUED


async def test_the_queue_is_told_page_by_page_and_by_what_is_wanted(store: Store) -> None:
    for number in range(1, 6):
        await store.reviews.open(another(number, opened_ms=1_000 * (number // 2)), a_leaf(f"rev_{number}"))
    await store.reviews.move(claimed("ana", another(3, opened_ms=1_000)), a_leaf("rev_9"))
    everything = QueueFilter()
    first = await store.reviews.queue(TENANT, everything, Place(), 3)
    assert [one.review_id for one in first] == ["rvw_1", "rvw_2", "rvw_3"]
    rest = await store.reviews.queue(TENANT, everything, Place(first[-1].opened_ms, first[-1].review_id), 3)
    assert [one.review_id for one in rest] == ["rvw_4", "rvw_5"]
    for wanted, count in (
        (QueueFilter(state="queued"), 4),
        (QueueFilter(claimed_by="ana"), 1),
        (QueueFilter(action_class="low"), 0),
        (QueueFilter(action_type="payment.transfer", state="claimed"), 1),
    ):
        assert len(await store.reviews.queue(TENANT, wanted, Place(), 10)) == count


async def test_what_is_due_is_told_until_nothing_is_left_to_do(store: Store) -> None:
    await store.reviews.open(QUEUED, a_leaf())
    await store.reviews.open(another(2, tenant="globex", due_ms=8_000, expires_ms=8_000), a_leaf("rev_2"))
    assert [one.review_id for one in await store.reviews.due(7_999, 10)] == []
    assert [one.review_id for one in await store.reviews.due(9_000, 10)] == ["rvw_2", "rvw_1"]
    await store.reviews.move(claimed("ana"), a_leaf("rev_3"))
    await store.reviews.move(DECIDED, a_leaf("rev_4"))
    assert [one.review_id for one in await store.reviews.due(4_000, 10)] == ["rvw_1"], "its check has to follow"
    assert await store.reviews.move(msgspec.structs.replace(DECIDED, version=4, due_ms=None), None)
    assert [one.review_id for one in await store.reviews.due(9_000, 10)] == ["rvw_2"]


async def test_open_ones_about_a_subject_are_counted_as_far_as_asked(store: Store) -> None:
    for number in range(1, 5):
        await store.reviews.open(another(number), a_leaf(f"rev_{number}"))
    await store.reviews.open(another(5, subject=b"somebody else"), a_leaf("rev_5"))
    reviews = store.reviews
    assert [await reviews.open_about(TENANT, b"pseudonym", most) for most in (3, 10)] == [3, 4]
    expired = msgspec.structs.replace(
        another(1), version=2, state=ReviewState.EXPIRED, closed_ms=9_000, ruling=Ruling.DENY, code=RulingCode.TIMED_OUT
    )
    await reviews.move(expired, a_leaf("rev_9"))
    assert await reviews.open_about(TENANT, b"pseudonym", 10) == 3


async def test_the_history_of_a_subject_tells_decisions_and_how_they_turned_out(store: Store) -> None:
    for number in (1, 2, 3):
        await store.settle(a_commit(f"chk_{number}", settled_ms=number * 1_000))
    await store.settle(a_commit("chk_4", subject=b"somebody else"))
    await store.report_outcome(an_outcome("chk_1"))
    found = await store.reviews.history(TENANT, b"pseudonym", 2)
    asked = ("wallet", "agent-7", "payment.transfer", "high", "step_up")
    assert found == [PastAsking("chk_3", 3_000, *asked, None), PastAsking("chk_2", 2_000, *asked, None)]
    assert (await store.reviews.history(TENANT, b"pseudonym", 10))[-1] == PastAsking("chk_1", 1_000, *asked, "fraud")


async def test_a_check_is_pending_until_it_has_followed_its_review(store: Store) -> None:
    await store.settle(a_commit("chk_1"))
    reviews = store.reviews

    async def pending() -> bool:
        return (await reviews.standing(TENANT, "chk_1")).pending

    assert not await pending()
    await reviews.open(msgspec.structs.replace(QUEUED, revision=0), a_leaf())
    assert await pending()
    await reviews.move(claimed("ana"), a_leaf("rev_2"))
    await reviews.move(DECIDED, a_leaf("rev_3"))
    assert await pending(), "decided, and its check has not followed"
    await reviews.move(msgspec.structs.replace(DECIDED, version=4, due_ms=None), None)
    assert not await pending()
    assert await reviews.standing("globex", "chk_1") == Standing(0, pending=False)


async def test_tenants_do_not_meet(store: Store) -> None:
    await store.reviews.open(QUEUED, a_leaf())
    reviews = store.reviews
    assert await reviews.find("globex", "rvw_1") is None
    assert await reviews.of_check("globex", "chk_1") is None
    assert await reviews.queue("globex", QueueFilter(), Place(), 10) == []
    assert not await reviews.move(msgspec.structs.replace(claimed("eve"), tenant="globex"), a_leaf("rev_2"))
    assert await reviews.open_about("globex", b"pseudonym", 10) == 0
