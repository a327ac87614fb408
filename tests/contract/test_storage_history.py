"""The contract of a tenant's history, on every back end: in order of time, page by page, with the last word on each."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from broker.domain.outcome import TurnedOut
from broker.storage.records import AboutSubject, PastCheck, StorageLimits
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


ASKED = AboutSubject(TENANT, b"pseudonym", 20, "payment.transfer", b"digest", "EUR")


async def test_refusals_of_one_action_and_allowed_amounts_of_its_kind(store: Store) -> None:
    for number, changes in enumerate(
        (
            {"settled_ms": 30, "decision": "allow"},
            {"settled_ms": 50, "decision": "deny"},
            {"settled_ms": 40, "decision": "review"},
            {"settled_ms": 45, "decision": "step_up"},
            {"settled_ms": 46, "decision": "deny", "action_digest": b"another"},
            {"settled_ms": 47, "decision": "allow", "currency": "CHF"},
            {"settled_ms": 48, "decision": "allow", "action_type": "payment.request"},
            {"settled_ms": 10, "decision": "allow"},
            {"settled_ms": 49, "decision": "allow", "subject": b"somebody"},
            {"settled_ms": 49, "decision": "allow", "tenant": "globex"},
            {"settled_ms": 49, "decision": "allow", "status": "abandoned"},
        )
    ):
        await store.settle(a_commit(f"chk_{number}", **changes))
    assert [one.settled_ms for one in await store.about(ASKED, 2)] == [50, 40]
    one_page = msgspec.structs.replace(ASKED, since_ms=0, action_digest=b"unknown")
    assert [(one.settled_ms, one.amount) for one in await store.about(one_page, 2)] == [(30, "950.00"), (10, "950.00")]
    assert await store.about(msgspec.structs.replace(one_page, currency=None), 2) == []


async def test_every_class_that_was_asked_once(store: Store) -> None:
    for number, (action_class, at) in enumerate((("low", 30), ("low", 40), ("high", 50), ("critical", 10))):
        await store.settle(a_commit(f"chk_{number}", action_class=action_class, settled_ms=at))
    await store.settle(a_commit("chk_other", tenant="globex", action_class="critical"))
    assert sorted(await store.classes_about(TENANT, b"pseudonym", 20)) == ["high", "low"]
    assert await store.classes_about("nobody", b"pseudonym", 0) == []


async def test_abandoned_checks_teach_nothing(store: Store) -> None:
    await store.settle(a_commit(status="abandoned"))
    assert await past(store) == []
