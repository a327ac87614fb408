"""Queries and writes of the transparency log; text for drivers as in :mod:`statements`."""

from typing import Any

from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from broker.storage.tables import log_checkpoints, log_cosignatures, log_head, log_leaves, log_tiles


class writers_of_leaves(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """Who may hold numbers of leaves that nobody sees yet, as words in one text."""

    type = Text()
    inherit_cache = True


@compiles(writers_of_leaves, "sqlite")
def _nobody(_element: Any, _compiler: Any, **_: Any) -> str:
    # One transaction writes at a time: what is visible has no gap that could still be filled.
    return "''"


@compiles(writers_of_leaves, "postgresql")
def _holders(_element: Any, _compiler: Any, **_: Any) -> str:
    # Whoever inserts holds this lock from before the number is drawn until after the row is visible.
    return (
        "(SELECT coalesce(string_agg(virtualtransaction, ' '), '') FROM pg_locks WHERE mode = 'RowExclusiveLock'"
        " AND relation = 'log_leaves'::regclass AND database = (SELECT oid FROM pg_database"
        " WHERE datname = current_database()))"
    )


SELECT_FENCE = select(func.coalesce(func.max(log_leaves.c.seq), 0), writers_of_leaves())
"""The highest visible number, and who was writing after it was looked at."""

SELECT_HEAD = select(log_head.c.size, log_head.c.last_seq)
# The guard of appending: whoever moves the head from what they read has appended, on any number of nodes.
MOVE_HEAD = (
    update(log_head)
    .values(size=bindparam("to_size"), last_seq=bindparam("to_seq"))
    .where(log_head.c.size == bindparam("expected"))
)

SELECT_LEAVES = (
    select(log_leaves.c.seq, log_leaves.c.tenant, log_leaves.c.leaf_hash, log_leaves.c.body)
    .where(log_leaves.c.seq > bindparam("after_seq"), log_leaves.c.seq <= bindparam("upto_seq"))
    .order_by(log_leaves.c.seq)
    .limit(bindparam("rows"))
)
"""Leaves in the order of the tree, as :class:`broker.storage.log_store.StoredLeaf` has them."""

SELECT_SEQ = select(log_leaves.c.seq, log_leaves.c.leaf_hash).where(
    log_leaves.c.tenant == bindparam("tenant"), log_leaves.c.check_id == bindparam("entry")
)

SELECT_TILE = select(log_tiles.c.hashes, log_tiles.c.first_seq).where(
    log_tiles.c.level == bindparam("level"), log_tiles.c.number == bindparam("number")
)
SELECT_TILE_OF_SEQ = (
    select(log_tiles.c.number, log_tiles.c.first_seq)
    .where(log_tiles.c.level == 0, log_tiles.c.first_seq <= bindparam("seq"))
    .order_by(log_tiles.c.first_seq.desc())
    .limit(1)
)
COUNT_LEAVES = select(func.count()).where(
    log_leaves.c.seq >= bindparam("from_seq"), log_leaves.c.seq < bindparam("until_seq")
)
_tile = insert(log_tiles)
WRITE_TILE = _tile.on_conflict_do_update(
    index_elements=list(log_tiles.primary_key), set_={"hashes": _tile.excluded.hashes}
)

INSERT_CHECKPOINT = insert(log_checkpoints)
SIGN_CHECKPOINT = (
    update(log_checkpoints)
    .values(note=bindparam("signed"))
    .where(log_checkpoints.c.size == bindparam("of_size"), log_checkpoints.c.note.is_(None))
)
SELECT_NEWEST_SIGNED = (
    select(log_checkpoints).where(log_checkpoints.c.note.is_not(None)).order_by(log_checkpoints.c.size.desc()).limit(1)
)
SELECT_UNSIGNED = (
    select(log_checkpoints)
    .where(log_checkpoints.c.size > bindparam("after_size"))
    .order_by(log_checkpoints.c.size)
    .limit(bindparam("rows"))
)
SELECT_SIGNED = (
    select(log_checkpoints)
    .where(
        log_checkpoints.c.size > bindparam("after_size"),
        log_checkpoints.c.size <= bindparam("upto_size"),
        log_checkpoints.c.note.is_not(None),
    )
    .order_by(log_checkpoints.c.size)
    .limit(bindparam("rows"))
)

INSERT_COSIGNATURE = insert(log_cosignatures).on_conflict_do_nothing()
SELECT_COSIGNATURES = (
    select(log_cosignatures.c.line)
    .where(log_cosignatures.c.size == bindparam("size"))
    .order_by(log_cosignatures.c.witness)
)
