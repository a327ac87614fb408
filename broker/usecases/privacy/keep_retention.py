"""Retention: what is older than its category allows is taken away, and everybody can see how far that has gone."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.privacy import RetentionMark

_PAGE = 200
_PAGES_MAX = 500
"""Of one tenant and category in one run; the next run goes on."""
_NEWS_KEPT = timedelta(days=1)


class RetentionLimits(msgspec.Struct, frozen=True):
    """How long each category of data is kept. Log leaves hold nothing personal and are kept for good."""

    evidence: timedelta
    records: timedelta
    proofs: timedelta
    requests: timedelta


class RetentionOut(msgspec.Struct, frozen=True, rename="camel"):
    """One category: kept for ``days``, and of what is older than ``enforced_until`` nothing is left."""

    category: str
    days: int
    holds: str
    enforced_until: datetime | None
    ran_at: datetime | None


class RetentionsOut(msgspec.Struct, frozen=True):
    """The categories of one tenant's data."""

    categories: tuple[RetentionOut, ...]


class RetentionStore(Protocol):
    """Where data grows old."""

    async def tenants(self) -> list[str]:
        """All tenants."""
        ...

    async def marks(self, tenant: str) -> list[RetentionMark]:
        """How far the retention of each category has been enforced."""
        ...

    async def page_end(self, mark: RetentionMark, from_ms: int, rows: int) -> int:
        """Where a page of so many ends."""
        ...

    async def expire(self, mark: RetentionMark, from_ms: int) -> int:
        """Take what is over out of a period, and set the mark at its end; how many there were."""
        ...

    async def forget_changes(self, before_ms: int) -> None:
        """Delete old news of subjects."""
        ...

    async def forget_refusals(self, before_ms: int, now_ms: int) -> None:
        """Delete old counts of what was refused, and prompts whose time is over."""
        ...


_HOLDS = {
    "evidence": "what operators answered, sealed",
    "records": "what was asked, weighed and decided, sealed; amounts, scores and conversations beside it",
    "proofs": "challenges and reviews that are over, with what was written in them, sealed",
    "requests": "what people asked about their own data, once it is answered, with what was written, sealed",
}


class KeepRetention:
    """Run now and then by whoever serves; several at once do no harm."""

    def __init__(self, store: RetentionStore, limits: RetentionLimits, clock: Clock) -> None:
        self._store = store
        self._kept: dict[str, timedelta] = msgspec.structs.asdict(limits)
        self._clock = clock

    async def __call__(self) -> int:
        """Take away what is over, of all tenants; of how many checks, challenges and reviews."""
        expired = 0
        for tenant in await self._store.tenants():
            marks = {mark.category: mark.until_ms for mark in await self._store.marks(tenant)}
            for category in self._kept:
                expired += await self._enforce(tenant, category, marks.get(category, 0))
        now = self._clock.now()
        await self._store.forget_changes(_ms(now - _NEWS_KEPT))
        await self._store.forget_refusals(_ms(now - self._kept["proofs"]), _ms(now))
        return expired

    async def overview(self, principal: Principal) -> RetentionsOut:
        """What is kept for how long, and how far that is enforced."""
        authorize.require(principal, authorize.PRIVACY_READ)
        return await self.of(principal.tenant)

    async def of(self, tenant: str) -> RetentionsOut:
        """The same, of any tenant, for whoever runs the broker."""
        marks = {mark.category: mark for mark in await self._store.marks(tenant)}
        return RetentionsOut(
            tuple(
                RetentionOut(
                    category=category,
                    days=kept.days,
                    holds=_HOLDS[category],
                    enforced_until=_at(marks[category].until_ms) if category in marks else None,
                    ran_at=_at(marks[category].ran_ms) if category in marks else None,
                )
                for category, kept in self._kept.items()
            )
        )

    async def _enforce(self, tenant: str, category: str, from_ms: int) -> int:
        now = self._clock.now()
        until_ms, ran_ms, expired = _ms(now - self._kept[category]), _ms(now), 0
        for _ in range(_PAGES_MAX):
            if from_ms >= until_ms:
                break
            whole = RetentionMark(tenant, category, until_ms, ran_ms)
            end_ms = await self._store.page_end(whole, from_ms, _PAGE)
            expired += await self._store.expire(RetentionMark(tenant, category, end_ms, ran_ms), from_ms)
            from_ms = end_ms
        return expired


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
