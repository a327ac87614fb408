"""The log as files that any web server can serve (C2SP tlog-tiles), or as one file to verify."""

from collections.abc import AsyncIterator, Callable

from broker.audit import export, tiles
from broker.audit.export import Entry
from broker.audit.merkle import HASH_BYTES
from broker.audit.tiles import WIDTH
from broker.errors import Conflict
from broker.storage.log_store import LogStore, StoredCheckpoint
from broker.usecases.audit.prove_log import ProveLog

_LENGTH_BYTES = 2
_PORTION = 500
_GONE = b"\x00"
CHECKPOINT, CHECKPOINTS = "checkpoint", "checkpoints.jsonl"
"""The newest checkpoint, and beyond the specification every one that was signed on the way."""

Shown = Callable[[str], bool]
"""Whether the texts of a tenant may be told."""


class PublishLog:
    """Writes the log out, for those who serve or keep it elsewhere."""

    def __init__(self, log: LogStore, prove: ProveLog) -> None:
        self._log = log
        self._prove = prove

    def vkey(self) -> str:
        """The public key of the log."""
        return self._prove.vkey()

    async def lines(self, shown: Shown) -> AsyncIterator[bytes]:
        """The lines of an export in one file."""
        return await self._prove.lines(0, shown)

    async def files(self, shown: Shown) -> AsyncIterator[tuple[str, bytes]]:
        """Paths and contents; the newest checkpoint comes last, so that whoever finds it finds the rest.

        An entry whose text is not told has no bytes in its bundle; its hash is in the tile all the same.

        Raises:
            Conflict: nothing was signed yet.
        """
        newest = await self._log.newest_signed()
        if newest is None:
            raise Conflict("nothing was signed yet: try again in a moment")
        for tile, width in tiles.widths(newest.size):
            hashes = (await self._log.tiles([tile])).get(tile, b"")
            yield tile.path(width), hashes[: width * HASH_BYTES]
        for number in range(-(-newest.size // WIDTH)):
            entries = await self._prove.entries(number, newest, shown)
            yield tiles.bundle_path(number, len(entries)), b"".join(map(_framed, entries))
        yield CHECKPOINTS, b"".join([line async for line in self._marks(newest)])
        yield CHECKPOINT, (newest.note or "").encode("utf-8")

    async def _marks(self, newest: StoredCheckpoint) -> AsyncIterator[bytes]:
        after = 0
        while marks := await self._log.signed(after, newest.size, _PORTION):
            for mark in marks:
                yield export.line(export.Mark(mark.note or ""))
            after = marks[-1].size


def _framed(entry: Entry) -> bytes:
    # What is gone must not look like what is not told: no text of ours is this, so its hash is wrong.
    text = entry.text or (_GONE if entry.gone else b"")
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text
