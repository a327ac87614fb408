"""Sweep up: checks whose process died between asking an operator and deciding, and idempotency keys that are over."""

from datetime import datetime
from typing import Protocol

from broker.audit import leaf as log
from broker.clock import Clock
from broker.domain.record import CheckStatus
from broker.errors import Conflict
from broker.storage.records import CheckCommit, Intent

_BATCH_MAX = 500
# Between two sweeps of ten seconds more keys may end than one batch holds; beyond this the next sweep goes on.
_BATCHES_MAX = 100


class SweptStore(Protocol):
    """Where intents are kept until their check settles."""

    async def expired_intents(self, now_ms: int, limit: int) -> list[Intent]:
        """Intents whose time is over."""
        ...

    async def settle(self, commit: CheckCommit) -> None:
        """Record a check and remove its intent."""
        ...

    async def purge_claims(self, now_ms: int, limit: int) -> int:
        """Delete idempotency keys whose retention is over; how many went."""
        ...

    async def purge_pending(self, now_ms: int, limit: int) -> int:
        """Delete questions to persons that nobody waits for any more; how many went."""
        ...


class Sweep:
    """Run now and then by whoever serves. An abandoned check, too, leaves a record."""

    def __init__(self, store: SweptStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self) -> int:
        """Record each overdue intent as an abandoned check, forget what is over; how many checks were abandoned."""
        now = self._clock.now()
        now_ms = int(now.timestamp() * 1000)
        closed = await self._close_abandoned(now, now_ms)
        for purge in (self._store.purge_claims, self._store.purge_pending):
            for _ in range(_BATCHES_MAX):
                if await purge(now_ms, _BATCH_MAX) < _BATCH_MAX:
                    break
        return closed

    async def _close_abandoned(self, now: datetime, now_ms: int) -> int:
        closed = 0
        for intent in await self._store.expired_intents(now_ms, _BATCH_MAX):
            try:
                await self._store.settle(_abandoned(intent, now))
            except Conflict:  # another node was quicker, or the check settled after all
                continue
            closed += 1
        return closed


def _abandoned(intent: Intent, now: datetime) -> CheckCommit:
    body = log.encode(
        log.LeafBody(
            check=intent.check_id,
            tenant=intent.tenant,
            consumer=None,
            agent=None,
            status=CheckStatus.ABANDONED,
            action_type=None,
            action_digest=None,
            action_class=None,
            policy=None,
            outcome=None,
            reasons=(),
            gates=(),
            commitment=None,
            at=now,
        )
    )
    return CheckCommit(
        tenant=intent.tenant,
        check_id=intent.check_id,
        status=CheckStatus.ABANDONED,
        started_ms=intent.started_ms,
        settled_ms=int(now.timestamp() * 1000),
        record=b"",
        evidence=b"",
        leaf_body=body,
        leaf_hash=log.leaf_hash(body),
    )
