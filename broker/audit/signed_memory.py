"""What this node signed last, in a file beside its key: a database that was put back to an earlier day cannot undo it.

A log must never sign two trees of which neither is the beginning of the other (C2SP tlog-checkpoint). The database
alone cannot promise that, for it may be restored from a backup.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from broker.audit.merkle import HASH_BYTES
from broker.errors import Misconfigured


class Signed(NamedTuple):
    """A tree that was signed."""

    size: int
    root: bytes


class SignedMemory:
    """Remembers the largest tree that was signed on this machine; processes share the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> Signed | None:
        """The largest tree that was signed here; ``None`` before the first.

        Raises:
            Misconfigured: the file says something else.
        """
        try:
            size, root = self._path.read_text("ascii").split()
            signed = Signed(int(size), bytes.fromhex(root))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{self._path}: cannot be read; put it back from a backup") from error
        if len(signed.root) != HASH_BYTES:
            raise Misconfigured(f"{self._path}: holds no root; put it back from a backup")
        return signed

    def keep(self, signed: Signed) -> None:
        """Remember a tree, on the disk when this returns; a smaller one than the last is passed over."""
        with self._alone():
            last = self.last()
            if last is not None and last.size >= signed.size:
                return
            aside = self._path.with_name(f".{self._path.name}.new")
            with open(aside, "w", encoding="ascii", opener=_private) as file:
                file.write(f"{signed.size} {signed.root.hex()}\n")
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with open(self._path.with_name(f".{self._path.name}.lock"), "w", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _private(path: str, flags: int) -> int:
    """It lies among the keys, and like them is for its owner only, whatever the umask."""
    return os.open(path, flags, 0o600)
