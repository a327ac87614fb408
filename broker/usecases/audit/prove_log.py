"""What the log can prove: its newest checkpoint, that an entry is in it, that it only grew; and all of it, exported."""

from collections.abc import AsyncIterator, Callable

import msgspec

from broker.audit import export, merkle, note, tiles
from broker.audit.export import Kept
from broker.audit.leaf import b64url
from broker.audit.log_key import LogKey
from broker.audit.merkle import EMPTY_ROOT, HASH_BYTES, Range
from broker.audit.note import Note, NoteInvalid
from broker.audit.tiles import WIDTH, TileId
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.errors import Conflict, Fault, InvalidRequest, NotFound
from broker.storage.log_store import LogStore, StoredCheckpoint
from broker.usecases.audit.log_keys import LiveLogKey
from broker.usecases.audit.stored_tree import StoredTree

MERGE_DELAY_S = 5
_CHECKPOINTS_MAX = 1000
_TILES_REMEMBERED = 128


class InclusionView(msgspec.Struct, frozen=True, rename="camel"):
    """That an entry is in the log: ``hashes`` as of RFC 6962 section 2.1.1, for the tree of ``checkpoint``.

    Hashes are base64url; ``checkpoint`` is a C2SP signed note, whose root the proof leads to.
    """

    entry: str
    index: int
    leaf_hash: str
    size: int
    hashes: tuple[str, ...]
    checkpoint: str


class ConsistencyView(msgspec.Struct, frozen=True, rename="camel"):
    """That the first tree is the beginning of the second: ``hashes`` as of RFC 6962 section 2.1.2, base64url."""

    first: int
    second: int
    first_root: str
    second_root: str
    hashes: tuple[str, ...]


class ProveLog:
    """Reads the log for those who do not trust it."""

    def __init__(self, log: LogStore, key: LogKey | LiveLogKey) -> None:
        self._log = log
        self._key = key
        self._tree = StoredTree(log, remembered=_TILES_REMEMBERED)

    def vkey(self) -> str:
        """The public key of the log, as a C2SP vkey."""
        return self._key.public.vkey()

    async def checkpoint(self) -> str:
        """The newest signed checkpoint, with what witnesses signed of it."""
        newest = await self._log.newest_signed()
        return str(self._key.sign(0, EMPTY_ROOT)) if newest is None else await self._cosigned(newest)

    async def inclusion(self, principal: Principal, entry: str) -> InclusionView:
        """That an entry of the caller's tenant, a check or an event by its id, is in the log.

        Raises:
            NotFound: there is no such entry.
            Conflict: no checkpoint covers it yet; one will within seconds.
        """
        authorize.require(principal, authorize.CHECK)
        found = await self._log.place_of(principal.tenant, entry)
        if found is None:
            raise NotFound("there is no such entry in the log")
        tile, place, leaf_hash = found
        index, newest = tile * WIDTH + place, await self._log.newest_signed()
        if newest is None or index >= newest.size or await self._tree.leaf(index) != leaf_hash:
            raise Conflict("no checkpoint covers this entry yet: ask again", retry_after_s=MERGE_DELAY_S)
        hashes = await self._tree.roots(merkle.inclusion(index, newest.size))
        return InclusionView(
            entry=entry,
            index=index,
            leaf_hash=b64url(leaf_hash),
            size=newest.size,
            hashes=tuple(map(b64url, hashes)),
            checkpoint=await self._cosigned(newest),
        )

    async def index_of(self, tenant: str, entry: str) -> int | None:
        """The index of a tenant's entry; ``None`` while no checkpoint covers it."""
        found, newest = await self._log.place_of(tenant, entry), await self._log.newest_signed()
        if found is None or newest is None:
            return None
        tile, place, leaf_hash = found
        index = tile * WIDTH + place
        return index if index < newest.size and await self._tree.leaf(index) == leaf_hash else None

    async def consistency(self, principal: Principal, first: int, second: int | None) -> ConsistencyView:
        """That the tree of ``first`` entries is the beginning of that of ``second``, or of the newest checkpoint.

        Raises:
            InvalidRequest: the sizes are in the wrong order, or no checkpoint reaches so far.
        """
        authorize.require(principal, authorize.CHECK)
        newest = await self._log.newest_signed()
        size = newest.size if newest is not None else 0
        last = size if second is None else second
        if not 0 < first <= last <= size:
            raise InvalidRequest(
                "no proof between these sizes",
                [Fault("/first", f"send 1 to the second size; the newest checkpoint covers {size} entries")],
            )
        ranges = [Range(0, first), Range(0, last), *merkle.consistency(first, last)]
        roots = [b64url(root) for root in await self._tree.roots(ranges)]
        return ConsistencyView(first, last, roots[0], roots[1], tuple(roots[2:]))

    async def exported(self, principal: Principal, start: int) -> AsyncIterator[bytes]:
        """The log from entry ``start`` to the newest checkpoint; texts of the caller's tenant alone, all else hashes.

        Raises:
            InvalidRequest: the log is not so long.
        """
        authorize.require(principal, authorize.AUDIT_READ)
        tenant = principal.tenant
        return await self.lines(start, lambda owner: owner == tenant)

    async def lines(self, start: int, shown: Callable[[str], bool]) -> AsyncIterator[bytes]:
        """The lines of an export, with the texts of those tenants that may be shown; errors as of :meth:`exported`."""
        newest = await self._log.newest_signed()
        end = newest.size if newest is not None else 0
        if newest is None or not 0 <= start < end:
            raise InvalidRequest(
                "the log does not reach so far", [Fault("/from", f"send less than {end}, the size of the log")]
            )
        before = await self._tree.roots([_of(part) for part in merkle.cover(Range(0, start))])
        head = export.Head(self._key.origin, start, end, tuple(before))
        return self._stream(head, newest, shown)

    async def _stream(
        self, head: export.Head, newest: StoredCheckpoint, shown: Callable[[str], bool]
    ) -> AsyncIterator[bytes]:
        yield export.line(head)
        marks: list[StoredCheckpoint] = []
        for number in range(head.start // WIDTH, -(-head.end // WIDTH)):
            first, last = max(head.start, number * WIDTH), min(head.end, (number + 1) * WIDTH)
            marks = await self._log.signed(first, last, _CHECKPOINTS_MAX)
            lines = []
            for entry in await self.entries(number, newest, shown):
                if first <= entry.place < last:
                    lines.append(export.line(entry))
                    if marks and marks[0].size == entry.place + 1:
                        lines.append(export.line(export.Mark(marks.pop(0).note or "")))
            yield b"".join(lines)

    async def entries(self, number: int, newest: StoredCheckpoint, shown: Callable[[str], bool]) -> list[export.Entry]:
        """The entries of a tile of level 0, as far as the newest checkpoint covers them."""
        width = min(WIDTH, newest.size - number * WIDTH)
        hashes = (await self._log.tiles([TileId(0, number)])).get(TileId(0, number), b"")
        first_seq, next_seq = await self._log.first_seq(number), await self._log.first_seq(number + 1)
        if first_seq is None:
            raise NotFound("a tile of the log is gone: put log_tiles back from a backup")
        upto_seq = newest.last_seq if next_seq is None else min(next_seq - 1, newest.last_seq)
        leaves = await self._log.leaves(first_seq - 1, upto_seq, WIDTH)
        kept = [Kept(leaf.body, shown(leaf.tenant)) for leaf in leaves]
        return export.aligned(number * WIDTH, tiles.split(hashes[: width * HASH_BYTES]), kept)

    async def _cosigned(self, checkpoint: StoredCheckpoint) -> str:
        written = checkpoint.note or ""
        lines = "".join(await self._log.cosignatures(checkpoint.size))
        try:
            signed = note.read_note(written)
            return str(Note(signed.text, (*signed.signatures, *(note.read_signatures(lines) if lines else ()))))
        except NoteInvalid:
            return written  # whoever verifies it will say so


def _of(part: merkle.Subtree) -> Range:
    return Range(part.number << part.level, part.number + 1 << part.level)
