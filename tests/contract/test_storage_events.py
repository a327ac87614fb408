"""The contract of the outbox and of webhooks, on every back end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.domain.event import Event, Webhook
from broker.errors import Conflict, NotFound
from broker.storage.event_store import Backlog, put
from broker.storage.policy_store import Entry
from broker.storage.store import Store
from tests.contract.test_storage_reviews import QUEUED, claimed
from tests.support.databases import BACKENDS, database, storing
from tests.support.stored import TENANT, a_commit

HOOK = Webhook(
    tenant=TENANT,
    webhook_id="whk_1",
    url="https://example.com/in",
    kinds=(),
    generation=1,
    previous_until_ms=0,
    created_by="ops",
    created_ms=500,
)


def an_event(number: int = 1, **changes: Any) -> Event:
    event = Event(TENANT, f"evt_{number}", "chk_1", "check.settled", f"body {number}".encode(), 1_000)
    return msgspec.structs.replace(event, **changes)


def a_leaf(name: str) -> Entry:
    return Entry(name, b"leaf", b"h" * 32)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        await store.events.add_webhook(HOOK)
        yield store


async def taken(store: Store, holder: str = "a", now_ms: int = 1_000, hook: Webhook = HOOK) -> list[str]:
    return [one.event_id for one in await store.events.claim(hook, holder, now_ms, now_ms + 60_000, 10)]


async def test_webhooks_come_back_as_they_were_put_in(store: Store) -> None:
    other = msgspec.structs.replace(HOOK, webhook_id="whk_2", kinds=("check.settled", "review.decided"), created_ms=600)
    await store.events.add_webhook(other)
    assert await store.events.webhooks(TENANT) == [HOOK, other]
    assert await store.events.webhooks("globex") == []
    with pytest.raises(NotFound):
        await store.events.webhook("globex", "whk_1")
    turned = msgspec.structs.replace(HOOK, generation=2, previous_until_ms=9_000)
    assert [await store.events.rotate(turned) for _ in range(2)] == [True, False], "of two that turn it one does"
    assert await store.events.webhook(TENANT, "whk_1") == turned


async def test_a_settled_check_tells_those_who_want_to_hear_in_its_own_transaction(store: Store) -> None:
    for number, kinds in ((2, ("check.settled",)), (3, ("review.decided", "check.settled")), (4, ("review.decided",))):
        await store.events.add_webhook(msgspec.structs.replace(HOOK, webhook_id=f"whk_{number}", kinds=kinds))
    await store.events.add_webhook(msgspec.structs.replace(HOOK, tenant="globex"))
    await store.settle(a_commit(event=an_event()))
    assert [hook.webhook_id for hook in await store.events.ready(1_000)] == ["whk_1", "whk_2", "whk_3"]
    with pytest.raises(Conflict):
        await store.settle(a_commit(event=an_event(2)))
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(1, 0), "what did not happen is not told"
    (delivery,) = await store.events.claim(HOOK, "a", 1_000, 2_000, 10)
    assert (delivery.body, delivery.check_id, delivery.attempts) == (b"body 1", "chk_1", 0)


async def test_a_batch_of_checks_tells_all_of_them(store: Store) -> None:
    await asyncio.gather(
        *(store.settle(a_commit(f"chk_{n}", event=an_event(n, check_id=f"chk_{n}"))) for n in range(20)),
        store.settle(a_commit("chk_silent")),
    )
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(20, 0)


async def test_where_nobody_listens_nothing_is_kept(store: Store) -> None:
    await store.events.put(an_event(tenant="globex"))
    assert await store.events.ready(9_000) == []


async def test_a_change_that_lost_tells_nothing(store: Store) -> None:
    await store.reviews.open(QUEUED, a_leaf("one"), [put(an_event(1))])
    assert not await store.reviews.open(
        msgspec.structs.replace(QUEUED, review_id="rvw_2"), a_leaf("two"), [put(an_event(2))]
    )
    won = [
        await store.reviews.move(claimed(who), a_leaf(who), [put(an_event(number))])
        for number, who in enumerate(("ana", "luis"), start=3)
    ]
    assert won == [True, False]
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(2, 0)


async def test_events_of_one_check_are_given_one_after_the_other(store: Store) -> None:
    for number in (1, 2, 3):
        await store.events.put(an_event(number))
    await store.events.put(an_event(4, check_id="chk_2"))
    first, other = await store.events.claim(HOOK, "a", 1_000, 61_000, 10)
    assert (first.event_id, other.event_id) == ("evt_1", "evt_4")
    assert await taken(store, "b") == [], "the second waits for the first"
    await store.events.delivered(first, "a")
    assert await taken(store, "c") == ["evt_2"]


async def test_what_is_given_up_holds_up_nothing(store: Store) -> None:
    await store.events.put(an_event(1))
    await store.events.put(an_event(2))
    (first,) = await store.events.claim(HOOK, "a", 1_000, 61_000, 10)
    await store.events.not_delivered(first, "a", "HTTP_500", 1_000, None)
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(1, 1)
    assert await taken(store, "b") == ["evt_2"]
    await store.events.revive(TENANT, "whk_1", 2_000)
    assert await taken(store, "c", 2_000) == ["evt_1"]


async def test_a_failure_waits_for_its_time_and_counts(store: Store) -> None:
    await store.events.put(an_event())
    (first,) = await store.events.claim(HOOK, "a", 1_000, 61_000, 10)
    await store.events.not_delivered(first, "a", "HTTP_500", 1_000, 5_000)
    assert await taken(store, "b", 4_999) == []
    (again,) = await store.events.claim(HOOK, "c", 5_000, 61_000, 10)
    assert (again.event_id, again.body, again.attempts) == ("evt_1", b"body 1", 1)


async def test_a_node_that_died_loses_what_it_held_and_cannot_mark_it_any_more(store: Store) -> None:
    await store.events.put(an_event())
    (held,) = await store.events.claim(HOOK, "dead", 1_000, 11_000, 10)
    assert await taken(store, "b", 10_999) == []
    assert await taken(store, "c", 11_000) == ["evt_1"]
    await store.events.delivered(held, "dead")
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(1, 0)


async def test_of_many_who_claim_on_two_nodes_each_delivery_has_one_holder(url: str, store: Store) -> None:
    for number in range(40):
        await store.events.put(an_event(number, check_id=f"chk_{number}"))
    async with storing(url) as other:
        shares = await asyncio.gather(
            *((store, other)[n % 2].events.claim(HOOK, f"node-{n}", 1_000, 61_000, 3) for n in range(30))
        )
    held = [one.event_id for share in shares for one in share]
    assert len(held) == len(set(held))
    assert len(held) + len(await store.events.claim(HOOK, "last", 1_000, 61_000, 100)) == 40


async def test_a_receiver_that_is_gone_gets_nothing_more_until_it_is_back(store: Store) -> None:
    await store.events.put(an_event(1))
    await store.events.disable(TENANT, "whk_1", "GONE", 1_500)
    await store.events.put(an_event(2))
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(0, 1)
    assert await store.events.ready(9_000) == []
    found = await store.events.webhook(TENANT, "whk_1")
    assert (found.disabled_ms, found.disabled_why) == (1_500, "GONE")
    await store.events.revive(TENANT, "whk_1", 2_000)
    assert await taken(store, "b", 2_000) == ["evt_1"]


async def test_deleting_a_webhook_takes_what_waits_for_it(store: Store) -> None:
    await store.events.put(an_event())
    assert not await store.events.delete_webhook("globex", "whk_1")
    assert await store.events.delete_webhook(TENANT, "whk_1")
    assert await store.events.backlog(TENANT, "whk_1") == Backlog(0, 0)


async def test_what_was_given_up_long_ago_is_forgotten(store: Store) -> None:
    await store.events.put(an_event())
    (held,) = await store.events.claim(HOOK, "a", 1_000, 11_000, 10)
    await store.events.not_delivered(held, "a", "HTTP_500", 1_000, None)
    assert [await store.events.purge_dead(at_ms, 10) for at_ms in (999, 1_000, 1_000)] == [0, 1, 0]
