"""The ring of the keys that sign receipts, as a file that only its owner can read and that running nodes follow."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.audit import key_ring
from broker.audit.key_ring import KeyRing, RingKey, RingUnreadable
from broker.audit.signing_key import SigningKey
from broker.clock import Clock
from broker.errors import Misconfigured
from broker.privacy import secret_files

LOOK_S = 1.0
"""How long a node may go on with what it knows of the ring."""


class RingFile:
    """A file; changes by several processes follow one another."""

    def __init__(self, path: Path, before: Path, clock: Clock) -> None:
        """``before`` is where the only key lay before there were rings; it becomes the first one."""
        self._path = path
        self._before = before
        self._clock = clock

    def read(self) -> KeyRing:
        """The ring, made on first use.

        Raises:
            Misconfigured: the file is not a ring, or others can read it.
        """
        return self._ring(secret_files.read_or_create(self._path, self._first))

    def change(self, how: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Put another ring in its place; durable when this returns."""
        self.read()
        with self._alone():
            changed = how(self._ring(secret_files.read(self._path)))
            secret_files.replace(self._path, changed.encode())
            return changed

    def stamp(self) -> tuple[int, int]:
        """What differs whenever the file was replaced."""
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino

    def _first(self) -> bytes:
        pem = secret_files.read(self._before) if self._before.exists() else key_ring.generate()
        return key_ring.begin(pem, _ms(self._clock)).encode()

    def _ring(self, content: bytes) -> KeyRing:
        try:
            return key_ring.read_ring(content)
        except RingUnreadable as error:
            raise Misconfigured(f"{self._path}: {error}; put the file back from a backup") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class LiveRing:
    """The ring as this node knows it, at most a second old. What it cannot read anew it goes on with."""

    def __init__(self, file: RingFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._ring = file.read()
        self._stamp = file.stamp()
        self._looked_s = clock.monotonic_s()
        self._keys: dict[str, SigningKey] = {}

    def signing_key(self) -> SigningKey:
        """The key that signs now."""
        return self._made(self._current().signing(_ms(self._clock)))

    def published(self) -> dict[str, Any]:
        """The keys that verify receipts now, as a JWK set."""
        return {"keys": [self._made(key).public_jwk() for key in self._current().published(_ms(self._clock))]}

    def _made(self, key: RingKey) -> SigningKey:
        made = self._keys.get(key.kid)
        if made is None:  # importing costs more than a hundred signatures
            made = self._keys[key.kid] = SigningKey(key.pem.encode("ascii"))
        return made

    def _current(self) -> KeyRing:
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._look()
        return self._ring

    def _look(self) -> None:
        try:
            stamp = self._file.stamp()
            if stamp != self._stamp:
                self._ring, self._stamp = self._file.read(), stamp
                self._keys = {
                    kid: key for kid, key in self._keys.items() if kid in {one.kid for one in self._ring.keys}
                }
        except (OSError, Misconfigured):
            # One that is away for a moment must not cost a check; one that stays away is met at the next start.
            return


def _ms(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1000)
