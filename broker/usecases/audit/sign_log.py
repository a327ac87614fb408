"""Sign the checkpoints of the log, after reading again what they stand for.

A wrong bit that was signed cannot be taken back. So every entry that a checkpoint adds is read and hashed anew, on top
of the tree that was signed before; and what this node signed last, on its own disk, must still be in the tree.
"""

import asyncio

from broker.audit import merkle, note
from broker.audit.log_key import LogKey
from broker.audit.note import Note, NoteInvalid
from broker.audit.signed_memory import Signed, SignedMemory
from broker.storage.log_store import LogStore, StoredCheckpoint
from broker.usecases.audit.log_keys import LiveLogKey
from broker.usecases.audit.stored_tree import RecordDamaged, StoredTree

_AT_ONCE_MAX = 64
_NOTHING = StoredCheckpoint(0, merkle.EMPTY_ROOT, 0, 0)


class SignLog:
    """Signs what was stored and is not signed yet, smallest first."""

    def __init__(self, log: LogStore, key: LogKey | LiveLogKey, memory: SignedMemory) -> None:
        self._log = log
        self._tree = StoredTree(log)
        self._key = key
        self._memory = memory

    async def __call__(self) -> Note | None:
        """Sign; the newest checkpoint that was, ``None`` where there was nothing to sign.

        Raises:
            RecordDamaged: what is stored is not what was signed before, or not what the entries add up to.
            Unrecorded, Overloaded: the database cannot be used now.
        """
        before = await self._log.newest_signed() or _NOTHING
        waiting = await self._log.to_sign(before.size, _AT_ONCE_MAX)
        if not waiting:
            return None
        await self._require_what_was_signed(before)
        for checkpoint in waiting:
            await self._require_sum(before, checkpoint)
            # Remembered before it is signed: a signature that nobody remembers could be contradicted.
            await asyncio.to_thread(self._memory.keep, Signed(checkpoint.size, checkpoint.root))
            signed = self._key.sign(checkpoint.size, checkpoint.root)
            await self._log.keep_signed(checkpoint.size, str(signed))
            before = checkpoint
        return signed

    async def _require_what_was_signed(self, before: StoredCheckpoint) -> None:
        self._require_own(before)
        last = await asyncio.to_thread(self._memory.last)
        if last is None:
            return
        head = await self._log.head()
        if head.size < last.size:
            raise RecordDamaged(
                f"the log has {head.size} entries and this node signed {last.size}: the database is an earlier one;"
                " put the newer one back. Nothing is signed until then"
            )
        for signed in (last, Signed(before.size, before.root)):
            if signed.size and await self._tree.root(signed.size) != signed.root:
                raise RecordDamaged(
                    f"the first {signed.size} entries are not those that were signed: `trust-broker audit verify` on"
                    " an export names the first; put it back from a backup. Nothing is signed until then"
                )

    def _require_own(self, before: StoredCheckpoint) -> None:
        if before.note is None:
            return
        try:
            signed = note.open_checkpoint(note.read_note(before.note), self._key.publics)
        except NoteInvalid as error:
            raise RecordDamaged(
                f"the newest checkpoint was not signed by {self._key.origin} with this node's log.pem, or a key of its"
                " log.retired: give all nodes the same files and audit.origin. Nothing is signed until then"
            ) from error
        if (signed.size, signed.root) != (before.size, before.root):
            raise RecordDamaged("the newest checkpoint is not the one that was signed: put log_checkpoints back")

    async def _require_sum(self, before: StoredCheckpoint, checkpoint: StoredCheckpoint) -> None:
        """That the entries, read again, add up to the stored root."""
        tree = await self._tree.frontier(before.size)
        after_seq = before.last_seq
        while tree.size < checkpoint.size:
            leaves = await self._log.leaves(after_seq, checkpoint.last_seq, checkpoint.size - tree.size)
            if not leaves:
                break
            for leaf in leaves:
                tree.append(merkle.leaf_hash(leaf.body))
            after_seq = leaves[-1].seq
        if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
            raise RecordDamaged(
                f"entries {before.size} to {checkpoint.size - 1} do not add up to the root that was stored for them;"
                " put log_leaves and log_tiles back from a backup. Nothing is signed until then"
            )
