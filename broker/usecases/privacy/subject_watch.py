"""Hear what changed about subjects on any node, and drop what this one holds of them in memory."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from broker.clock import Clock
from broker.domain.privacy import ChangeOf, Erasure, SubjectChange
from broker.errors import BrokerError
from broker.privacy.journal import ErasureJournal

_log = logging.getLogger(__name__)
_LOOK_S = 0.5
_STALE_S = 2.0
_OVERLAP_MS = 60_000
"""How far apart the clocks of two nodes may be, and how late a row may become visible."""
_ROWS_MAX = 10_000

Forget = Callable[[str, bytes], None]
"""Drop what is held of a subject of a tenant."""


class NewsStore(Protocol):
    """Where the news of subjects is kept."""

    async def changes(self, since_ms: int, rows: int) -> list[SubjectChange]:
        """News of all tenants after an instant, oldest first."""
        ...

    async def erasure(self, tenant: str, erasure_id: str) -> Erasure | None:
        """A row of the ledger."""
        ...


class SubjectWatch:
    """One of a node. ``generation`` moves with everything that it heard, so that who read before can tell."""

    def __init__(self, store: NewsStore, clock: Clock, journal: ErasureJournal) -> None:
        self.generation = 0
        self._store = store
        self._clock = clock
        self._forget: tuple[Forget, ...] = ()
        self._journal = journal
        self._seen: dict[str, int] = {}
        self._heard_ms = int(clock.now().timestamp() * 1000)
        self._looked_s = float("-inf")

    def forgetting(self, *forget: Forget) -> None:
        """Have these called for every subject of whom something changed."""
        self._forget += forget

    @property
    def current(self) -> bool:
        """Whether what other nodes changed is known here, but for the last moments."""
        return self._clock.monotonic_s() - self._looked_s < _STALE_S

    def tell(self, tenant: str, subject: bytes) -> None:
        """Drop what this node holds of a subject, now."""
        self.generation += 1
        for forget in self._forget:
            forget(tenant, subject)

    async def look(self) -> int:
        """Hear what is new; how much there was.

        Raises:
            Unrecorded, Overloaded: the store cannot be read.
        """
        at_s = self._clock.monotonic_s()
        found = await self._store.changes(self._heard_ms - _OVERLAP_MS, _ROWS_MAX)
        new = [change for change in found if change.change_id not in self._seen]
        for change in new:
            self._seen[change.change_id] = change.at_ms
            self._heard_ms = max(self._heard_ms, change.at_ms)
            self.tell(change.tenant, change.subject)
        for change in new:
            if change.kind is ChangeOf.ERASED:
                await self._note(change)
        if len(found) < _ROWS_MAX:
            self._looked_s = at_s
        self._seen = {key: at_ms for key, at_ms in self._seen.items() if at_ms > self._heard_ms - 2 * _OVERLAP_MS}
        return len(new)

    async def keep_current(self) -> None:
        """Look again and again, for ever."""
        failing = False
        while True:
            try:
                await self.look()
                failing = False
            except BrokerError as error:
                if not failing:
                    _log.warning("cannot hear what changed about subjects: %(code)s", {"code": error.code})
                failing = True
            await asyncio.sleep(_LOOK_S)

    async def _note(self, change: SubjectChange) -> None:
        """Write down what another node erased, so that no backup of this one undoes it either."""
        erasure = await self._store.erasure(change.tenant, change.ref)
        if erasure is not None:
            await asyncio.to_thread(self._journal.note, erasure)
