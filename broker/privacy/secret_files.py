"""Secrets in files that only their owner can read."""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from broker.errors import Misconfigured

_OWNER_ONLY = 0o600


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The secret in ``path``; made by ``make`` and written with mode 0600 when there is none yet.

    Safe when several processes start at once: exactly one writes, the others read what it wrote.

    Raises:
        Misconfigured: others than the owner can read the file, or it cannot be read or written.
    """
    try:
        if not path.exists():
            _create(path, make)
        return _read(path)
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}; give the broker's user a directory it can write") from error


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"{path}: readable by others; run chmod 600 {path.name}")
    return path.read_bytes()


def _create(path: Path, make: Callable[[], bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written aside and linked into place, so that no reader ever sees half a secret.
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        # Linking fails where another process was quicker; its secret is then the one that counts.
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
