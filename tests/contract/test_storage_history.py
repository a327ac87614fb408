"""The contract of a tenant's history, on every back end: in order of time, page by page, with the last word on each."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from broker.domain.outcome import TurnedOut
from broker.storage import past_statements
from broker.storage.records import AboutSubject, PastCheck, StorageLimits, SubjectPast
from broker.storage.statements import prepare
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, sqlite_path, storing
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


ASKED = AboutSubject(
    tenant=TENANT,
    subject=b"pseudonym",
    action_type="payment.transfer",
    action_digest=b"digest",
    currency="EUR",
    classes_since_ms=20,
    refusals_since_ms=20,
    allowed_since_ms=20,
)


async def test_the_latest_refusals_of_one_action_and_the_amounts_allowed_of_its_kind(store: Store) -> None:
    for number, changes in enumerate(
        (
            {"settled_ms": 30, "decision": "allow"},
            {"settled_ms": 31, "decision": "allow"},
            {"settled_ms": 32, "decision": "allow", "amount": "0.50"},
            {"settled_ms": 50, "decision": "deny"},
            {"settled_ms": 41, "decision": "review"},
            {"settled_ms": 40, "decision": "review"},
            {"settled_ms": 45, "decision": "step_up"},
            {"settled_ms": 46, "decision": "deny", "action_digest": b"another"},
            {"settled_ms": 47, "decision": "allow", "currency": "CHF"},
            {"settled_ms": 48, "decision": "allow", "action_type": "payment.request"},
            {"settled_ms": 20, "decision": "allow"},
            {"settled_ms": 49, "decision": "allow", "subject": b"somebody"},
            {"settled_ms": 49, "decision": "allow", "tenant": "globex"},
            {"settled_ms": 49, "decision": "allow", "status": "abandoned"},
            {"settled_ms": 60, "decision": "deny", "status": "abandoned"},
        )
    ):
        await store.settle(a_commit(f"chk_{number}", **changes))
    found = await store.past_of(ASKED, 2)
    assert dict(found.refusals) == {"deny": 50, "review": 41}
    assert sorted(found.allowed) == [("0.50", 1), ("950.00", 1)], "the two newest"
    another = msgspec.structs.replace(ASKED, action_digest=b"unknown", currency=None)
    assert await store.past_of(another, 2) == SubjectPast(("high",), (), ())


async def test_equal_amounts_are_counted(url: str) -> None:
    async with storing(url) as store:
        for number in range(5):
            await store.settle(a_commit(f"chk_{number}", decision="allow", settled_ms=30 + number))
        assert (await store.past_of(ASKED, 100)).allowed == (("950.00", 5),)
        assert (await store.past_of(ASKED, 3)).allowed == (("950.00", 3),)
        since = msgspec.structs.replace(ASKED, allowed_since_ms=32)
        assert (await store.past_of(since, 100)).allowed == (("950.00", 2),)


async def test_every_class_that_was_asked(store: Store) -> None:
    for number, (action_class, at) in enumerate((("low", 20), ("low", 40), ("high", 50), ("critical", 10))):
        await store.settle(a_commit(f"chk_{number}", action_class=action_class, settled_ms=at))
    await store.settle(a_commit("chk_other", tenant="globex", action_class="critical"))
    assert (await store.past_of(ASKED, 2)).classes == ("low", "high")
    nobody = msgspec.structs.replace(ASKED, tenant="nobody", classes_since_ms=0)
    assert await store.past_of(nobody, 2) == SubjectPast((), (), ())


async def test_the_past_is_read_out_of_indexes_alone(tmp_path: Path) -> None:
    """However many checks there are about a person, none of them is read, and no range of them sorted."""
    with database("sqlite", tmp_path) as url:
        query = prepare(past_statements.SELECT_PAST, SQLiteDialect(paramstyle="qmark"))
        with closing(sqlite3.connect(sqlite_path(url))) as connection:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", [0] * len(query.names)).fetchall()
    searches = [str(row[3]) for row in plan if "checks" in str(row[3])]
    assert len(searches) == 7
    assert all("USING COVERING INDEX ix_checks_" in one and "_about" in one for one in searches), searches


async def test_abandoned_checks_teach_nothing(store: Store) -> None:
    await store.settle(a_commit(status="abandoned"))
    assert await past(store) == []
