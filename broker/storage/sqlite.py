"""SQLite at driver level: one thread that writes, one that reads, each with its own connection.

WAL lets reads go on during a commit, and ``synchronous=FULL`` makes each commit wait for the disk: with less, the last
commits may be lost with the power (reliability-security.md section 3).
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Executable

from broker.storage.records import StorageLimits
from broker.storage.sqlite_units import SqliteUnits
from broker.storage.unit_of_work import Backoff, Outcome, Refused, Row, Unavailable, Unit, Value

T = TypeVar("T")

# A write-ahead log left long by a slow reader is cut back to this size.
_WAL_BYTES_KEPT = 64 * 1024 * 1024
# What may be wrong with one unit; everything else is wrong with the database.
_REFUSALS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")


class _Link:
    """One connection, opened when needed and again after a loss. Used by one thread only."""

    def __init__(self, path: Path, limits: StorageLimits, *, reads: bool) -> None:
        self._path = path
        self._lock_wait_s = limits.lock_wait_ms / 1000
        self._reads = reads
        self._backoff = Backoff(limits.reconnect_min_ms, limits.reconnect_max_ms, time.monotonic)
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection; errors of the driver inside come out as ours.

        A lock leaves the connection open. After any other trouble it is closed, for a fresh one may be well.
        """
        try:
            yield self._connected()
        except _REFUSALS as error:
            if self._is_closed():
                self._lose()
                raise Unavailable("CLOSED") from error
            raise Refused(type(error).__name__) from error
        except sqlite3.Error as error:
            cause = error.sqlite_errorname if hasattr(error, "sqlite_errorname") else type(error).__name__
            if not cause.startswith(_LOCKED):
                self._lose()
            raise Unavailable(cause) from error
        self._backoff.succeeded()

    def close(self) -> None:
        """Close; harmless when closed."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _lose(self) -> None:
        self.close()
        self._backoff.failed()

    def _is_closed(self) -> bool:
        try:
            return self._connection is None or self._connection.total_changes < 0
        except sqlite3.ProgrammingError:
            return True

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._backoff.ready():
                raise Unavailable("WAITING_TO_RECONNECT")
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        # Never "create": a database file that went away must be noticed and not replaced by an empty one.
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rw", uri=True, isolation_level=None, timeout=self._lock_wait_s
        )
        try:
            _configure(connection, reads=self._reads)
        except BaseException:
            connection.close()
            raise
        return connection


class SqliteBackend:
    """The :class:`broker.storage.unit_of_work.Backend` of one database file."""

    def __init__(self, path: Path, limits: StorageLimits) -> None:
        self._units = SqliteUnits()
        self._writing = _Link(path, limits, reads=False)
        self._reading = _Link(path, limits, reads=True)
        self._write_thread = ThreadPoolExecutor(1, "storage-write")
        self._read_thread = ThreadPoolExecutor(1, "storage-read")

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Write all units in one transaction, as the protocol says."""
        return await _in_thread(self._write_thread, lambda: self._commit(units))

    async def fetch(self, query: Executable, values: Mapping[str, Value]) -> list[Row]:
        """Read rows, as the protocol says."""
        prepared = self._units.prepared(query)
        arguments = prepared.arguments(values)

        def read() -> list[Row]:
            with self._reading.connection() as connection:
                return connection.execute(prepared.sql, arguments).fetchall()

        return await _in_thread(self._read_thread, read)

    async def aclose(self) -> None:
        """Close both connections, each in its own thread, and end the threads."""
        for thread, link in ((self._write_thread, self._writing), (self._read_thread, self._reading)):
            await _in_thread(thread, link.close)
            thread.shutdown(wait=False)

    def _commit(self, units: Sequence[Unit]) -> list[Outcome]:
        with self._writing.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [self._units.apply(connection, unit) for unit in units]
                connection.execute("COMMIT")
            except BaseException:
                # Some errors have rolled back by themselves; a second rollback says so and nothing else.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            return outcomes


def _configure(connection: sqlite3.Connection, *, reads: bool) -> None:
    if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
        raise sqlite3.OperationalError("no write-ahead log on this file system")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES_KEPT}")
    connection.execute(f"PRAGMA query_only={'ON' if reads else 'OFF'}")


async def _in_thread(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
