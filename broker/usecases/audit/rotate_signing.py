"""Rotate and revoke the keys that sign receipts, for whoever runs the broker; running nodes follow within a second."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from broker.audit import key_ring
from broker.audit.key_ring import KeyRing, RingKey, State
from broker.clock import Clock
from broker.errors import NotFound


class RingKeeper(Protocol):
    """Where the ring is kept."""

    def read(self) -> KeyRing:
        """The ring."""
        ...

    def change(self, how: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Put another ring in its place."""
        ...


class KeyView(msgspec.Struct, frozen=True):
    """One key, without what is secret about it."""

    kid: str
    state: State
    active_at: datetime


class RotateSigning:
    """The life of the keys that sign receipts."""

    def __init__(self, ring: RingKeeper, clock: Clock) -> None:
        self._ring = ring
        self._clock = clock

    def overview(self) -> list[KeyView]:
        """All keys, in the order in which they begin to sign."""
        return [self._view(key) for key in self._ring.read().keys]

    def rotate(self, after: timedelta) -> KeyView:
        """Add a key that signs after a while; durable when this returns."""
        active_ms = self._now_ms() + int(after.total_seconds() * 1000)
        changed = self._ring.change(lambda ring: ring.rotated(key_ring.generate(), active_ms=active_ms))
        return self._view(changed.keys[-1])

    def revoke(self, kid: str) -> KeyView:
        """Revoke a key; the one that signs from now on.

        Raises:
            NotFound: there is no such key.
        """
        try:
            changed = self._ring.change(lambda ring: ring.revoked(kid, self._now_ms(), key_ring.generate))
        except KeyError as error:
            raise NotFound("there is no such signing key: see `keys signing list`") from error
        return self._view(changed.signing(self._now_ms()))

    def _view(self, key: RingKey) -> KeyView:
        return KeyView(key.kid, key.state(self._now_ms()), datetime.fromtimestamp(key.active_ms / 1000, UTC))

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
