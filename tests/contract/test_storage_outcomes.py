"""The contract of outcomes, on every back end: kept in order, beside a check of one's own, never changed."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.domain.outcome import TurnedOut
from broker.errors import NotFound
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, storing
from tests.support.stored import TENANT, a_commit, an_outcome


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        await store.settle(a_commit())
        yield store


async def test_reports_come_back_oldest_first(store: Store) -> None:
    assert await store.outcomes(TENANT, "chk_1") == []
    later = an_outcome(outcome=TurnedOut.GENUINE, reported_at=datetime.fromtimestamp(9, UTC))
    for report in (later, an_outcome()):
        await store.report_outcome(report)
    assert await store.outcomes(TENANT, "chk_1") == [an_outcome(), later]


async def test_two_reports_of_one_millisecond_leave_the_last(store: Store) -> None:
    await store.report_outcome(an_outcome())
    await store.report_outcome(an_outcome(outcome=TurnedOut.UNKNOWN))
    assert await store.outcomes(TENANT, "chk_1") == [an_outcome(outcome=TurnedOut.UNKNOWN)]


@pytest.mark.parametrize("stranger", [{"tenant": "globex"}, {"check_id": "chk_2"}])
async def test_nothing_is_kept_about_a_check_that_is_not_there(store: Store, stranger: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        await store.report_outcome(an_outcome(**stranger))
    assert await store.outcomes(stranger.get("tenant", TENANT), stranger.get("check_id", "chk_1")) == []


async def test_an_instant_keeps_its_millisecond(store: Store) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=987)
    await store.report_outcome(an_outcome(found_at=at, reported_at=at))
    (kept,) = await store.outcomes(TENANT, "chk_1")
    assert (kept.found_at, kept.reported_at) == (at, at)
