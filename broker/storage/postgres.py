"""PostgreSQL at driver level: one dedicated connection that writes, a small pool that reads.

The writer keeps its connection for itself, for a pool resets a connection on each return: one more round trip a commit.
Prepared statements are used throughout, so a pooler in between must keep sessions (no transaction mode).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy import Executable

from broker.storage.crossing import whose
from broker.storage.migrations.guard import ALL_TENANTS
from broker.storage.postgres_units import PostgresUnits
from broker.storage.records import StorageLimits
from broker.storage.unit_of_work import Backoff, Outcome, Refused, Row, Unavailable, Unit, Value

# Classes of SQLSTATE that blame one unit: cardinality, data, integrity, deadlock and serialization, size, raised by a
# trigger. Anything else blames the database.
_REFUSALS = ("21", "22", "23", "40", "54", "P0")
# Lock not available, and a statement cancelled by its own time limit: the session is as good as before.
_WAITED_TOO_LONG = ("55P03", "57014")
# The connection is gone, and nothing is said of the database.
_LOST = (asyncpg.ConnectionDoesNotExistError, asyncpg.AdminShutdownError, asyncpg.InterfaceError, ConnectionError)
_CLOSE_S = 5.0


class _Reading(asyncpg.Connection):  # type: ignore[misc]
    """A connection that sees the rows of one tenant at a time."""

    _tenant: str | None = None

    async def fetch_as(self, tenant: str, sql: str, arguments: Sequence[Value]) -> list[asyncpg.Record]:
        """The rows of a query that belong to a tenant; one more round trip where the last query was of another."""
        if self._tenant != tenant:
            self._tenant = None
            await self.execute("SELECT set_config('broker.tenant', $1, false)", tenant)
            self._tenant = tenant
        found: list[asyncpg.Record] = await self.fetch(sql, *arguments)
        return found


class PostgresBackend:
    """The :class:`broker.storage.unit_of_work.Backend` of one PostgreSQL database."""

    def __init__(self, dsn: str, limits: StorageLimits) -> None:
        self._dsn = dsn
        self._limits = limits
        self._units = PostgresUnits()
        self._backoff = Backoff(limits.reconnect_min_ms, limits.reconnect_max_ms, time.monotonic)
        self._writer: asyncpg.Connection | None = None
        self._readers: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Write all units in one transaction, as the protocol says."""
        async with self._translated(), asyncio.timeout(self._limits.commit_wait_ms / 1000):
            connection = await self._connected()
            await connection.execute("BEGIN")
            try:
                outcomes = await self._units.apply(connection, units)
                await connection.execute("COMMIT")
            except asyncpg.PostgresError:
                await connection.execute("ROLLBACK")
                raise
            return outcomes

    async def fetch(self, query: Executable, values: Mapping[str, Value]) -> list[Row]:
        """Read rows, as the protocol says."""
        prepared = self._units.prepared(query)
        timeout_s = self._limits.read_wait_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                pool = await self._pool()
                # Each that the server closed while it lay idle is found out by being used; a read can be put again.
                for _ in range(self._limits.read_connections):
                    with suppress(*_LOST):
                        return await _read(pool, whose(query, values), prepared.sql, prepared.arguments(values))
                return await _read(pool, whose(query, values), prepared.sql, prepared.arguments(values))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise _named(error) from error

    async def aclose(self) -> None:
        """Close the connections; one that does not answer is dropped."""
        if self._writer is not None:
            await self._close(self._writer)
            self._writer = None
        if self._readers is not None:
            try:
                await asyncio.wait_for(self._readers.close(), _CLOSE_S)
            except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                self._readers.terminate()
            self._readers = None

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Errors of the driver inside come out as ours; what may have hurt the session costs the connection."""
        try:
            yield
        except Unavailable:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            named = _named(error)
            if not (isinstance(named, Refused) or named.cause in _WAITED_TOO_LONG):
                self._drop()
            raise named from error
        except BaseException:
            # Cancelled half-way: nobody knows what the session is in the middle of.
            self._drop()
            raise
        self._backoff.succeeded()

    async def _connected(self) -> asyncpg.Connection:
        if self._writer is not None and not self._writer.is_closed():
            return self._writer
        if not self._backoff.ready():
            raise Unavailable("WAITING_TO_RECONNECT")
        self._writer = await asyncpg.connect(self._dsn, server_settings=self._settings())
        # Never weaken what the server was told; only its weaker levels are raised to a commit that is on the disk.
        if await self._writer.fetchval("SHOW synchronous_commit") not in {"on", "remote_apply"}:
            await self._writer.execute("SET synchronous_commit TO on")
        # A batch holds records of many tenants, each with its tenant in its key.
        await self._writer.execute("SELECT set_config('broker.tenant', $1, false)", ALL_TENANTS)
        return self._writer

    async def _pool(self) -> asyncpg.Pool:
        async with self._opening:
            if self._readers is None:
                self._readers = await asyncpg.create_pool(
                    self._dsn,
                    min_size=1,
                    max_size=self._limits.read_connections,
                    reset=_nothing_to_reset,
                    connection_class=_Reading,
                    server_settings=self._settings() | {"default_transaction_read_only": "on"},
                )
            return self._readers

    def _settings(self) -> dict[str, str]:
        wait_ms = str(self._limits.lock_wait_ms)
        return {
            "application_name": "trust-broker",
            "lock_timeout": wait_ms,
            "statement_timeout": str(self._limits.commit_wait_ms),
            "idle_in_transaction_session_timeout": str(self._limits.commit_wait_ms),
        }

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
        self._writer = None
        self._backoff.failed()

    @staticmethod
    async def _close(connection: asyncpg.Connection) -> None:
        try:
            await connection.close(timeout=_CLOSE_S)
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()


async def _read(pool: asyncpg.Pool, tenant: str, sql: str, arguments: Sequence[Value]) -> list[Row]:
    async with pool.acquire() as connection:
        return [tuple(row) for row in await connection.fetch_as(tenant, sql, arguments)]


async def _nothing_to_reset(connection: Any) -> None:
    """Reads leave nothing behind in a session, so the pool's reset would only be a round trip more."""


def _named(error: Exception) -> Refused | Unavailable:
    """What the driver's error means for the batch; SQLSTATE and class names are all that is kept of it."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.PostgresError) and isinstance(state, str):
        return Refused(state) if state.startswith(_REFUSALS) else Unavailable(state)
    return Unavailable(type(error).__name__)
