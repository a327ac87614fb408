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
from typing import Generic, TypeVar, cast
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


class _Together(Generic[T]):
    """Work for one thread, handed over together: waking a thread, and the loop after it, costs more than a read does.

    Belongs to one event loop. Whoever no longer waits has its work done all the same, and the outcome dropped.
    """

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._waiting: list[tuple[Callable[[], T], asyncio.Future[T]]] = []

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns or raises, done in the thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._hand_over, loop)
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []

        def tell(done: list[tuple[asyncio.Future[T], T | None, Exception | None]]) -> None:
            for future, outcome, error in done:
                _settle(future, outcome, error)

        def work() -> None:
            done = [(future, *_tried(each)) for each, future in batch]
            with suppress(RuntimeError):  # the loop was closed meanwhile, and everybody who waited with it
                loop.call_soon_threadsafe(tell, done)

        try:
            self._thread.submit(work)
        except RuntimeError:
            tell([(future, None, Unavailable("CLOSED")) for _, future in batch])


def _tried(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - handed on to whoever waits for this very work
        return None, error


def _settle(future: "asyncio.Future[T]", outcome: T | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(cast("T", outcome))


class SqliteBackend:
    """The :class:`broker.storage.unit_of_work.Backend` of one database file."""

    def __init__(self, path: Path, limits: StorageLimits) -> None:
        self._units = SqliteUnits()
        self._writing = _Link(path, limits, reads=False)
        self._reading = _Link(path, limits, reads=True)
        self._write_thread = ThreadPoolExecutor(1, "storage-write")
        self._read_thread = ThreadPoolExecutor(1, "storage-read")
        self._reads: _Together[list[Row]] = _Together(self._read_thread)

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

        return await self._reads.run(read)

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
    # What is deleted is overwritten: a key that was destroyed must not lie about in a free part of a page.
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES_KEPT}")
    connection.execute(f"PRAGMA query_only={'ON' if reads else 'OFF'}")


async def _in_thread(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
