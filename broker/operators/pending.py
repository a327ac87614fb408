"""What operators were told to ask a person, in the broker's own store: a restart or another node asks nobody twice."""

import secrets
from typing import Protocol

import msgspec

from broker.adapter_kit.ciba import Pending, PendingKey, Versioned
from broker.storage.records import PendingAt

_BODIES = msgspec.json.Decoder(Pending)


class PendingRows(Protocol):
    """The store's side: rows under a tenant and a digest, changed by compare-and-set."""

    async def find_pending(self, tenant: str, key: bytes) -> tuple[int, bytes] | None:
        """Version and body."""
        ...

    async def swap_pending(self, at: PendingAt, body: bytes, until_ms: int) -> bool:
        """Put a body where ``at`` says."""
        ...

    async def drop_pending(self, at: PendingAt) -> bool:
        """Take a row away."""
        ...


class DurablePending:
    """The kit's memory of CIBA requests, kept in the database."""

    def __init__(self, rows: PendingRows) -> None:
        self._rows = rows

    async def find_pending(self, key: PendingKey) -> Versioned | None:
        """The row, over or not."""
        found = await self._rows.find_pending(key.tenant, key.digest)
        return None if found is None else Versioned(found[0], _BODIES.decode(found[1]))

    async def swap_pending(self, key: PendingKey, seen: int, pending: Pending | None) -> int:
        """Compare and set: the new version, or 0."""
        if pending is None:
            return seen if await self._rows.drop_pending(PendingAt(key.tenant, key.digest, seen)) else 0
        # A row that comes again begins at a number that nobody has seen.
        version = seen + 1 if seen else 1 + secrets.randbits(48)
        at = PendingAt(key.tenant, key.digest, seen, version)
        body = msgspec.json.encode(pending)
        return version if await self._rows.swap_pending(at, body, pending.until_ms) else 0
