"""Put leaves into the tree of the transparency log: in order, without gaps, each once.

Every node does so now and then; whoever moves the head of the log from what they read has appended, the others begin
anew. Leaves are numbered when they are written and visible when they are committed, so a lower number may appear after
a higher one: nothing is taken in until all who may hold a lower number are done (``LogStore.fence``).
"""

from broker.audit import merkle, tiles
from broker.audit.tiles import WIDTH
from broker.clock import Clock
from broker.storage.log_store import Fence, Growth, Head, LogStore, StoredCheckpoint, StoredLeaf, Tile
from broker.usecases.audit.stored_tree import RecordDamaged, StoredTree

_BATCH_MAX = 512
_BATCHES_MAX = 64


class SequenceLog:
    """Appends what was written since. Belongs to one event loop."""

    def __init__(self, log: LogStore, clock: Clock) -> None:
        self._log = log
        self._tree = StoredTree(log)
        self._clock = clock
        self._pending = Fence(0, frozenset())
        self._reach = 0

    async def __call__(self) -> int:
        """Append everything that can be, up to a bound; how many leaves.

        Raises:
            RecordDamaged: a leaf is not what its hash says.
            Unrecorded, Overloaded: the database cannot be used now.
        """
        await self._look()
        head, appended = await self._log.head(), 0
        for _ in range(_BATCHES_MAX):
            leaves = await self._log.leaves(head.last_seq, self._reach, _BATCH_MAX)
            if not leaves or not await self._append(head, leaves):
                break
            appended += len(leaves)
            head = Head(head.size + len(leaves), leaves[-1].seq)
        return appended

    async def _look(self) -> None:
        """Move the reach: to what was visible at a look since which everybody who was writing then is done."""
        seen = await self._log.fence()
        still = self._pending.writers & seen.writers
        if still:
            self._pending = Fence(self._pending.seq, still)
            return
        self._reach = self._pending.seq if seen.writers else seen.seq
        self._pending = seen

    async def _append(self, head: Head, leaves: list[StoredLeaf]) -> bool:
        for place, leaf in enumerate(leaves):
            if merkle.leaf_hash(leaf.body) != leaf.hash:
                raise RecordDamaged(
                    f"the leaf to become entry {head.size + place} (seq {leaf.seq}) is not what its hash says; nothing"
                    " is signed until the row is put back from a backup"
                )
        edge = await self._tree.edge(head.size)
        changed = tiles.grown(edge, head.size, [leaf.hash for leaf in leaves])
        size = head.size + len(leaves)
        checkpoint = StoredCheckpoint(
            size, tiles.tree_root(edge | changed, size), leaves[-1].seq, int(self._clock.now().timestamp() * 1000)
        )
        firsts: dict[Tile, int] = {
            name: leaves[name.number * WIDTH - head.size].seq
            for name in changed
            if name.level == 0 and name.number * WIDTH >= head.size
        }
        return await self._log.append(head, Growth(changed, firsts, checkpoint))
