"""Secrets in files that only their owner can read."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from broker.errors import Misconfigured

_OWNER_ONLY = 0o600
_SUFFIX_BYTES = 8


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The secret in ``path``; made by ``make`` and written with mode 0600 when there is none yet.

    Safe when several processes start at once: exactly one writes, the others read what it wrote.

    Raises:
        Misconfigured: others than the owner can read the file, or it cannot be read or written.
    """
    try:
        if not path.exists():
            _create(path, make)
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}; give the broker's user a directory it can write") from error
    return read(path)


def read(path: Path) -> bytes:
    """The secret in ``path``.

    Raises:
        Misconfigured: others than the owner can read the file, or it cannot be read.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Misconfigured(f"{path}: readable by others; run chmod 600 {path.name}")
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}; put the file back, readable by its owner") from error


def replace(path: Path, content: bytes) -> None:
    """Put a new secret in the place of the one in ``path``, whole or not at all, with mode 0600.

    Raises:
        Misconfigured: it cannot be written.
    """
    try:
        aside = _aside(path, lambda: content)
        aside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}; give the broker's user a directory it can write") from error


def _create(path: Path, make: Callable[[], bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = _aside(path, make)
    try:
        # Linking fails where another process was quicker; its secret is then the one that counts.
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    _sync(path.parent)


def _aside(path: Path, make: Callable[[], bytes]) -> Path:
    """A secret beside the place it is meant for, so that no reader ever sees half of one.

    What a crash leaves there is in nobody's way: the next name is another one.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(_SUFFIX_BYTES)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink()
        raise
    return aside


def _sync(directory: Path) -> None:
    """Make the directory's entries durable: a key must not vanish with the power after it was used."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
