"""The life of the keys that sign receipts: one is known before it signs, one signs, some only verify, some are revoked.

Pure: a ring is what a file says, and every change makes another ring. Instants are milliseconds since the epoch, UTC.
A key is published as soon as it is there, so that verifiers have it before it signs, and until nothing that it signed
can still be valid. A revoked one is published no more, so that what it signed is refused by whoever looks again.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from broker.audit import signing_key
from broker.audit.receipts import LIFETIME_MAX_S, SKEW_S
from broker.audit.signing_key import SigningKey

VERIFIES_AFTER_MS = (LIFETIME_MAX_S + SKEW_S) * 1000
"""How long a key verifies after it has signed for the last time."""

State = Literal["next", "signing", "verifying", "retired", "revoked"]


class RingUnreadable(Exception):
    """This is no ring; nothing of its content is in the text."""


class RingKey(msgspec.Struct, frozen=True):
    """One key: it signs from ``active_ms`` until ``retired_ms``, and never after ``revoked_ms``."""

    kid: str
    pem: str
    active_ms: int
    retired_ms: int | None = None
    revoked_ms: int | None = None

    def state(self, now_ms: int) -> State:
        """Where in its life the key is."""
        if self.revoked_ms is not None:
            return "revoked"
        if now_ms < self.active_ms:
            return "next"
        if self.retired_ms is None or now_ms < self.retired_ms:
            return "signing"
        return "verifying" if now_ms < self.retired_ms + VERIFIES_AFTER_MS else "retired"

    def __repr__(self) -> str:
        return f"RingKey({self.kid})"


class KeyRing(msgspec.Struct, frozen=True):
    """All keys, in the order in which they begin to sign."""

    keys: tuple[RingKey, ...]

    def signing(self, now_ms: int) -> RingKey:
        """The key that signs now: of those that may, the one that began last.

        Before the first one begins, as when a clock was put back, it is that one: verifiers know it already.
        """
        able = [key for key in self.keys if key.state(now_ms) == "signing"]
        to_come = [key for key in self.keys if key.state(now_ms) == "next"]
        if not able and not to_come:
            raise RingUnreadable("no key of the ring may sign now")
        return able[-1] if able else to_come[0]

    def published(self, now_ms: int) -> list[RingKey]:
        """The keys that verifiers shall know now."""
        return [key for key in self.keys if key.state(now_ms) in {"next", "signing", "verifying"}]

    def rotated(self, pem: bytes, *, active_ms: int) -> "KeyRing":
        """With a new key that signs from an instant on; what would sign after it is retired then."""
        new = _key(pem, active_ms)
        if any(key.kid == new.kid for key in self.keys):
            return self
        return KeyRing((*(_until(key, active_ms) for key in self.keys if not _waits(key, active_ms)), new))

    def revoked(self, kid: str, now_ms: int, make: Callable[[], bytes]) -> "KeyRing":
        """Without that key from now on; where none could sign without it, a new one does at once.

        Raises:
            KeyError: there is no such key.
        """
        if all(key.kid != kid for key in self.keys):
            raise KeyError(kid)
        left = KeyRing(
            tuple(
                msgspec.structs.replace(key, revoked_ms=now_ms) if key.kid == kid and key.revoked_ms is None else key
                for key in self.keys
            )
        )
        if any(key.state(now_ms) == "signing" for key in left.keys):
            return left
        return left.rotated(make(), active_ms=now_ms)

    def encode(self) -> bytes:
        """The ring as it is kept."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def begin(pem: bytes, now_ms: int) -> KeyRing:
    """A ring of one key, which signs."""
    return KeyRing((_key(pem, now_ms),))


def read_ring(content: bytes) -> KeyRing:
    """The ring that was kept.

    Raises:
        RingUnreadable: it is none, or a key is not the one that it is called.
    """
    try:
        ring = msgspec.json.decode(content, type=KeyRing)
        keys = [SigningKey(key.pem.encode("ascii")).kid for key in ring.keys]
    except Exception as error:  # the library's own words may quote a key
        raise RingUnreadable("not a ring of P-256 keys") from error
    if not keys or keys != [key.kid for key in ring.keys]:
        raise RingUnreadable("a key of the ring is not the one that it is called")
    return ring


def _key(pem: bytes, active_ms: int) -> RingKey:
    return RingKey(SigningKey(pem).kid, pem.decode("ascii"), active_ms)


def _until(key: RingKey, at_ms: int) -> RingKey:
    ends = key.retired_ms is None or key.retired_ms > at_ms
    return msgspec.structs.replace(key, retired_ms=at_ms) if ends and key.revoked_ms is None else key


def _waits(key: RingKey, at_ms: int) -> bool:
    """Whether a key was to begin later than the new one does: it would sign again after it, and is not needed."""
    return key.revoked_ms is None and key.active_ms > at_ms


generate = signing_key.generate_pem
"""A new private key for a ring."""
