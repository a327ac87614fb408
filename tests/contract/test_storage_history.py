"""The contract of a tenant's history, on every back end: in order of time, page by page, with the last word on each."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.domain.outcome import TurnedOut
from broker.storage.records import PastCheck, StorageLimits
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, storing
from tests.support.stored import TENANT, a_commit, an_outcome

FAR_MS = 10**12


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url, StorageLimits(rows_max=2)) as store:
        yield store


async def past(store: Store, since_ms: int = 0, until_ms: int = FAR_MS, tenant: str = TENANT) -> list[PastCheck]:
    return [one async for one in store.history(tenant, since_ms, until_ms)]


async def test_every_page_in_order_of_time(store: Store) -> None:
    for number, at in ((1, 50), (2, 40), (3, 40), (4, 30), (5, 20)):
        await store.settle(a_commit(f"chk_{number}", settled_ms=at))
    await store.settle(a_commit("chk_other", tenant="globex"))
    assert [one.check_id for one in await past(store)] == ["chk_5", "chk_4", "chk_2", "chk_3", "chk_1"]
    assert [one.check_id for one in await past(store, 30, 50)] == ["chk_4", "chk_2", "chk_3"]
    assert await past(store, tenant="nobody") == []


async def test_the_last_word_counts(store: Store) -> None:
    await store.settle(a_commit())
    (before,) = await past(store)
    assert (before.outcome, before.found_ms) == (None, None)
    await store.report_outcome(an_outcome())
    await store.report_outcome(an_outcome(outcome=TurnedOut.GENUINE, reported_at=datetime.fromtimestamp(9, UTC)))
    (after,) = await past(store)
    assert (after.outcome, after.found_ms) == ("genuine", 2_000)
    assert (after.record, after.evidence) == (a_commit().record, a_commit().evidence)


async def test_what_was_asked_about_a_subject_newest_first(store: Store) -> None:
    for number, at in ((1, 30), (2, 50), (3, 40), (4, 10)):
        await store.settle(a_commit(f"chk_{number}", settled_ms=at, amount=f"{number}.10"))
    await store.settle(a_commit("chk_other", subject=b"another"))
    await store.settle(a_commit("chk_tenant", tenant="globex"))
    await store.settle(a_commit("chk_gone", status="abandoned"))
    found = await store.about(TENANT, b"pseudonym", 20, 10)
    assert [(one.settled_ms, one.amount) for one in found] == [(50, "2.10"), (40, "3.10")]
    assert found[0].decision == "step_up"
    assert len(await store.about(TENANT, b"pseudonym", 0, 1)) == 1
    assert await store.about("nobody", b"pseudonym", 0, 10) == []


async def test_abandoned_checks_teach_nothing(store: Store) -> None:
    await store.settle(a_commit(status="abandoned"))
    assert await past(store) == []
