"""Bring the schema up to date. Alembic runs in a process of its own: it would stay in the server's memory for good."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

from broker.errors import Misconfigured
from broker.storage.backends import connect
from broker.storage.records import StorageLimits
from broker.storage.statements import SELECT_REVISION
from broker.storage.unit_of_work import Backend, Refused, Unavailable
from broker.storage.urls import SqliteFile, locate

HEAD_REVISION = "0025"
"""The newest revision under ``migrations/versions``; what this broker's statements are written for."""

_UPGRADE_S = 600
_OWNER_ONLY = 0o600
# How the two databases say that a table is not there.
_NO_TABLE = ("SQLITE_ERROR", "42P01")


def upgrade(url: str) -> None:
    """Make the database where there is none (SQLite), and bring its schema to :data:`HEAD_REVISION`.

    Safe to run by several processes at once, and cheap when nothing is to be done. Call it before the event loop runs,
    or in a thread.

    Raises:
        Misconfigured: the URL is not usable, the database does not answer, or a migration failed; then nothing changed.
    """
    where = locate(url)
    if isinstance(where, SqliteFile):
        _create(where.path)
    if asyncio.run(_revision(url)) == HEAD_REVISION:
        return
    # The URL may carry a password, and arguments are visible to every user of the machine.
    command = [sys.executable, "-m", "broker.storage.migrations"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, nothing from outside
            command, input=url, capture_output=True, text=True, check=False, timeout=_UPGRADE_S
        )
    except subprocess.TimeoutExpired:
        raise Misconfigured(f"storage.url: the schema upgrade took longer than {_UPGRADE_S} s") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Misconfigured(f"storage.url: the schema could not be brought up to date: {reason}")


async def recorded_revision(backend: Backend) -> str | None:
    """The revision that the database says it is at; ``None`` when it holds no schema.

    Raises:
        Misconfigured: it does not answer.
    """
    try:
        rows = await backend.fetch(SELECT_REVISION, {})
    except Unavailable as error:
        if error.cause in _NO_TABLE:
            return None
        raise Misconfigured(f"storage.url: the database does not answer ({error.cause})") from error
    except (Refused, TimeoutError) as error:
        raise Misconfigured("storage.url: the database does not answer") from error
    return str(rows[0][0]) if rows else None


async def _revision(url: str) -> str | None:
    backend = connect(url, StorageLimits(read_wait_ms=10_000))
    try:
        return await recorded_revision(backend)
    finally:
        await backend.aclose()


def _create(path: Path) -> None:
    """Make an empty file that only its owner may read; SQLite gives its side files the same mode.

    Defensive: made before SQLite opens it, for between its own creation and a later chmod others could open it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OWNER_ONLY))
    except FileExistsError:
        _require_private(path)
        return
    except OSError as error:
        raise Misconfigured(f"storage.url: the database file cannot be made: {error.strerror}") from error
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _require_private(path: Path) -> None:
    """Defensive: a database that was copied or restored often comes back readable by everybody."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"storage.url: {path} is readable by others; run chmod 600 {path.name}*")
