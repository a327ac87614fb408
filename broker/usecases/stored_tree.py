"""The tree as it is stored: what sequencing, signing and proving read of it."""

from collections.abc import Iterable, Sequence

from broker.audit import tiles
from broker.audit.merkle import Frontier, Range
from broker.audit.tiles import TileId
from broker.storage.log_store import LogStore


class RecordDamaged(Exception):
    """The log is not what it was: nothing more is appended or signed. The text says where, and what to do."""


class StoredTree:
    """Reads tiles and computes what lies between them.

    Every method raises *RecordDamaged* where tiles are missing or too short, besides what the store raises.
    """

    def __init__(self, log: LogStore) -> None:
        self._log = log

    async def edge(self, size: int) -> dict[TileId, bytes]:
        """The partial tiles of the tree of ``size``."""
        return await self._tiles(tiles.edge(size))

    async def roots(self, ranges: Sequence[Range]) -> list[bytes]:
        """The root over each range."""
        found = await self._tiles(tiles.needed(ranges))
        try:
            return tiles.roots(found, ranges)
        except ValueError as error:
            raise _damaged() from error

    async def root(self, size: int) -> bytes:
        """The root of the tree of ``size``."""
        return (await self.roots([Range(0, size)]))[0]

    async def frontier(self, size: int) -> Frontier:
        """The tree of ``size``, ready to grow."""
        found = await self._tiles(tiles.needed([Range(0, size)]))
        try:
            return tiles.frontier(found, size)
        except ValueError as error:
            raise _damaged() from error

    async def _tiles(self, names: Iterable[TileId]) -> dict[TileId, bytes]:
        wanted = list(names)
        found = await self._log.tiles(wanted)
        if len(found) != len(wanted):
            raise _damaged()
        return {TileId(*name): tile for name, tile in found.items()}


def _damaged() -> RecordDamaged:
    return RecordDamaged("tiles of the tree are gone: put log_tiles back from a backup. Nothing is signed until then")
