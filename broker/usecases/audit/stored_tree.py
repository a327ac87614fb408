"""The tree as it is stored: what sequencing, signing and proving read of it."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from broker.audit import tiles
from broker.audit.merkle import HASH_BYTES, Frontier, Range
from broker.audit.tiles import WIDTH, TileId
from broker.storage.log_store import LogStore


class RecordDamaged(Exception):
    """The log is not what it was: nothing more is appended or signed. The text says where, and what to do."""

    loggable = True


class StoredTree:
    """Reads tiles and computes what lies between them.

    Full tiles never change, so ``remembered`` of them are kept for those who prove; whoever signs reads all anew.
    Every method raises *RecordDamaged* where tiles are missing or too short, besides what the store raises.
    """

    def __init__(self, log: LogStore, *, remembered: int = 0) -> None:
        self._log = log
        self._remembered = remembered
        self._full: OrderedDict[TileId, bytes] = OrderedDict()

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

    async def leaf(self, index: int) -> bytes | None:
        """The hash of the entry at an index; ``None`` where the tree does not reach so far."""
        number, place = divmod(index, WIDTH)
        hashes = tiles.split((await self._tiles([TileId(0, number)]))[TileId(0, number)])
        return hashes[place] if place < len(hashes) else None

    async def frontier(self, size: int) -> Frontier:
        """The tree of ``size``, ready to grow."""
        found = await self._tiles(tiles.needed([Range(0, size)]))
        try:
            return tiles.frontier(found, size)
        except ValueError as error:
            raise _damaged() from error

    async def _tiles(self, names: Iterable[TileId]) -> dict[TileId, bytes]:
        wanted = list(names)
        known = {name: self._full[name] for name in wanted if name in self._full}
        lacking = [name for name in wanted if name not in known]
        found = {TileId(*name): tile for name, tile in (await self._log.tiles(lacking)).items()}
        if len(found) != len(lacking):
            raise _damaged()
        self._remember(found)
        return known | found

    def _remember(self, found: Mapping[TileId, bytes]) -> None:
        full = {name: tile for name, tile in found.items() if len(tile) == WIDTH * HASH_BYTES}
        self._full.update(full if self._remembered else {})
        while len(self._full) > self._remembered:
            self._full.popitem(last=False)


def _damaged() -> RecordDamaged:
    return RecordDamaged("tiles of the tree are gone: put log_tiles back from a backup. Nothing is signed until then")
