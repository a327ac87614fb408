"""The transparency log, durably: leaves in order, tiles of the tree over them, checkpoints and who signed them."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from broker.storage import log_statements as sql
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.unit_of_work import Amend, Row, Step, Value, Write
from broker.storage.writer import GroupWriter

Tile = tuple[int, int]
"""Level and number."""


class Head(msgspec.Struct, frozen=True):
    """How far the tree reaches: entries, and the ``seq`` of the last one."""

    size: int
    last_seq: int


class Fence(msgspec.Struct, frozen=True):
    """The highest ``seq`` that is visible, and who may still hold a lower one that is not."""

    seq: int
    writers: frozenset[str]


class StoredLeaf(msgspec.Struct, frozen=True):
    """A leaf as it lies in the store; ``seq`` has gaps, the tree has none."""

    seq: int
    tenant: str
    hash: bytes
    body: bytes


class StoredCheckpoint(msgspec.Struct, frozen=True):
    """A tree that was or will be signed. ``note`` is absent until it is."""

    size: int
    root: bytes
    last_seq: int
    at_ms: int
    note: str | None = None


class Growth(msgspec.Struct, frozen=True):
    """What appending writes: the tiles that change, and for new tiles of level 0 the ``seq`` of their first leaf.

    ``tiles`` are keyed by :data:`Tile`; a mapping is not covariant in its keys, and theirs is a subclass.
    """

    tiles: Mapping[Any, bytes]
    first_seqs: Mapping[Tile, int]
    checkpoint: StoredCheckpoint


class LogStore:
    """Reads and extends the log. What is written is never changed, but for partial tiles, which grow."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self.rows_max = rows_max

    async def head(self) -> Head:
        """How far the tree reaches."""
        row = await self._reader.row(sql.SELECT_HEAD)
        return Head(*_fields(row or (0, 0)))

    async def fence(self) -> Fence:
        """How far leaves are visible now, and who was writing some after that was looked at.

        Every leaf up to ``seq`` that will ever be there is visible once none of ``writers`` is at work any more.
        """
        row = await self._reader.row(sql.SELECT_FENCE)
        seq, writers = _fields(row or (0, ""))
        return Fence(seq, frozenset(writers.split()))

    async def leaves(self, after_seq: int, upto_seq: int, limit: int) -> list[StoredLeaf]:
        """Leaves with ``after_seq < seq <= upto_seq`` in order, ``limit`` at most."""
        rows = await self._reader.rows(
            sql.SELECT_LEAVES, after_seq=after_seq, upto_seq=upto_seq, rows=min(limit, self.rows_max)
        )
        return [StoredLeaf(*_fields(row)) for row in rows]

    async def tiles(self, wanted: Iterable[Tile]) -> dict[Tile, bytes]:
        """Tiles by level and number, as far as they are there."""
        names = list(wanted)
        rows = await asyncio.gather(
            *(self._reader.row(sql.SELECT_TILE, level=level, number=number) for level, number in names)
        )
        return {name: cast("bytes", row[0]) for name, row in zip(names, rows, strict=True) if row is not None}

    async def first_seq(self, number: int) -> int | None:
        """The ``seq`` of the first leaf of a tile of level 0; ``None`` where there is none."""
        row = await self._reader.row(sql.SELECT_TILE, level=0, number=number)
        return None if row is None else cast("int", row[1])

    async def place_of(self, tenant: str, entry: str) -> tuple[int, int, bytes] | None:
        """Of a tenant's leaf: the number of its tile, its place in there, its hash; as if the tree reached that far."""
        leaf = await self._reader.row(sql.SELECT_SEQ, tenant=tenant, entry=entry)
        if leaf is None:
            return None
        seq, leaf_hash = _fields(leaf)
        tile = await self._reader.row(sql.SELECT_TILE_OF_SEQ, seq=seq)
        if tile is None:
            return 0, 0, leaf_hash
        number, first_seq = _fields(tile)
        before = await self._reader.row(sql.COUNT_LEAVES, from_seq=first_seq, until_seq=seq)
        return number, cast("int", before[0]) if before else 0, leaf_hash

    async def append(self, expected: Head, growth: Growth) -> bool:
        """Extend the tree, its checkpoint unsigned; False where somebody else was quicker. Then nothing changed."""
        new = growth.checkpoint
        head: dict[str, Value] = {"expected": expected.size, "to_size": new.size, "to_seq": new.last_seq}
        steps = [Step(sql.MOVE_HEAD, head)]
        for (level, number), hashes in growth.tiles.items():
            first_seq = growth.first_seqs.get((level, number), 0 if level == 0 else None)
            values: dict[str, Value] = {"level": level, "number": number, "hashes": hashes, "first_seq": first_seq}
            steps.append(Step(sql.WRITE_TILE, values))
        steps.append(Step(sql.INSERT_CHECKPOINT, msgspec.structs.asdict(new)))
        return bool(await self._writer.submit(Amend(tuple(steps))))

    async def note(self, entry: Entry) -> None:
        """Write a leaf that stands for nothing but itself."""
        leaf: dict[str, Value] = {"tenant": "", "entry": entry.id, "hash": entry.hash, "leaf": entry.body}
        await self._writer.submit(Amend((Step(INSERT_LEAF, leaf),)))

    async def newest_signed(self) -> StoredCheckpoint | None:
        """The largest checkpoint that is signed."""
        row = await self._reader.row(sql.SELECT_NEWEST_SIGNED)
        return None if row is None else StoredCheckpoint(*_fields(row))

    async def to_sign(self, after_size: int, limit: int) -> list[StoredCheckpoint]:
        """Checkpoints above a size, smallest first."""
        rows = await self._reader.rows(sql.SELECT_UNSIGNED, after_size=after_size, rows=limit)
        return [StoredCheckpoint(*_fields(row)) for row in rows]

    async def signed(self, after_size: int, upto_size: int, limit: int) -> list[StoredCheckpoint]:
        """Signed checkpoints with ``after_size < size <= upto_size``, smallest first."""
        rows = await self._reader.rows(
            sql.SELECT_SIGNED, after_size=after_size, upto_size=upto_size, rows=min(limit, self.rows_max)
        )
        return [StoredCheckpoint(*_fields(row)) for row in rows]

    async def keep_signed(self, size: int, note: str) -> None:
        """Keep the signed note of a checkpoint; the first one stays."""
        await self._writer.submit(Write((sql.SIGN_CHECKPOINT,), {"of_size": size, "signed": note}))

    async def keep_cosignature(self, size: int, witness: str, line: str, at_ms: int) -> None:
        """Keep a witness's signature line."""
        values: dict[str, Value] = {"size": size, "witness": witness, "line": line, "at_ms": at_ms}
        await self._writer.submit(Write((sql.INSERT_COSIGNATURE,), values))

    async def cosignatures(self, size: int) -> list[str]:
        """Witnesses' signature lines for a checkpoint."""
        return [cast("str", row[0]) for row in await self._reader.rows(sql.SELECT_COSIGNATURES, size=size)]


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)
