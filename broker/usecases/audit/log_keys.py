"""The keys of the transparency log as files: one that signs, readable by its owner only, and the names of those before.

A log is known by its name; its keys may change. Beside the key that signs lie the public keys of before, one a line,
the newest last: what they signed stays signed. A private key that was replaced is gone, stolen or not.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.audit import log_key, note
from broker.audit.log_key import LogKey
from broker.audit.note import Note, NoteInvalid, NoteKey
from broker.clock import Clock
from broker.errors import Misconfigured
from broker.privacy import secret_files

LOOK_S = 1.0
"""How long a node may go on with the key that it knows."""


class LogKeyFiles:
    """Two files; changes by several processes follow one another."""

    def __init__(self, path: Path, origin: str) -> None:
        """``path`` is that of the private key; the public ones of before lie beside it, in ``….retired``."""
        self._path = path
        self._retired = path.with_suffix(".retired")
        self._origin = origin

    def read(self) -> LogKey:
        """The key that signs, made on first use, with those of before.

        Raises:
            Misconfigured: a file is not what it should be, or others can read the private key.
        """
        pem = secret_files.read_or_create(self._path, log_key.generate_pem)
        try:
            return LogKey(pem, self._origin, self._before())
        except Misconfigured:
            raise
        except Exception as error:
            # The library's own words may quote the file.
            raise Misconfigured(
                f"{self._path}: not an Ed25519 private key in PEM; put the file back. A new one would begin another log"
            ) from error

    def rotate(self) -> LogKey:
        """Put a new key in the place of the one that signs, which is gone then; durable when this returns."""
        with self._alone():
            known = self.read()
            kept = [*(key.vkey() for key in known.retired), known.public.vkey()]
            # The name of the old key first: without it what it signed could not be told from a forgery.
            secret_files.replace(self._retired, "".join(f"{vkey}\n" for vkey in kept).encode("ascii"))
            secret_files.replace(self._path, log_key.generate_pem())
            return self.read()

    def stamp(self) -> tuple[int, int]:
        """What differs whenever the key was replaced."""
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino

    def _before(self) -> tuple[NoteKey, ...]:
        try:
            lines = secret_files.read(self._retired).decode("ascii").split() if self._retired.exists() else []
            return tuple(map(note.read_vkey, lines))
        except (NoteInvalid, UnicodeDecodeError) as error:
            raise Misconfigured(f"{self._retired}: not one vkey a line; put the file back from a backup") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class LiveLogKey:
    """The keys as this node knows them, at most a second old. What it cannot read anew it goes on with."""

    def __init__(self, files: LogKeyFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._key = files.read()
        self._stamp = files.stamp()
        self._looked_s = clock.monotonic_s()

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._key.origin

    @property
    def public(self) -> NoteKey:
        """The key that signs now."""
        return self._current().public

    @property
    def publics(self) -> tuple[NoteKey, ...]:
        """The key that signs now, and those of before."""
        return self._current().publics

    def sign(self, size: int, root: bytes) -> Note:
        """The signed checkpoint."""
        return self._current().sign(size, root)

    def _current(self) -> LogKey:
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            try:
                stamp = self._files.stamp()
                if stamp != self._stamp:
                    self._key, self._stamp = self._files.read(), stamp
            except (OSError, Misconfigured):
                # One that is away for a moment must not stop the log; one that stays away is met at the next start.
                return self._key
        return self._key
