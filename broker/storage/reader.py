"""Reads, bounded in number and in time."""

import asyncio

from sqlalchemy import Executable

from broker.errors import Overloaded, Unrecorded
from broker.storage.records import StorageLimits
from broker.storage.unit_of_work import Backend, Refused, Row, Unavailable, Value


class Reader:
    """Runs queries on one back end; whatever keeps an answer away becomes one of the errors below."""

    def __init__(self, backend: Backend, limits: StorageLimits) -> None:
        self._backend = backend
        self._limits = limits
        self._under_way = 0

    async def rows(self, query: Executable, **values: Value) -> list[Row]:
        """The rows of a query.

        Raises:
            Overloaded: too many reads are under way.
            Unrecorded: the database gave no answer in time.
        """
        if self._under_way >= self._limits.reads_max:
            raise Overloaded("Too many reads are under way.", retry_after_s=1)
        self._under_way += 1
        try:
            async with asyncio.timeout(self._limits.read_wait_ms / 1000):
                return await self._backend.fetch(query, values)
        except (Refused, Unavailable, TimeoutError) as error:
            raise Unrecorded("The store cannot be read; nothing was decided. Retry.") from error
        finally:
            self._under_way -= 1

    async def row(self, query: Executable, **values: Value) -> Row | None:
        """The only row of a query, ``None`` where there is none."""
        found = await self.rows(query, **values)
        return found[0] if found else None
