"""Verify an export of the log with a public key alone, and name the first entry that is not what was signed.

Nothing of the broker is asked: entries are hashed into a tree of their own, and every checkpoint on the way must be
signed by the log and be the root of that tree. So what was changed is between two checkpoints, and mostly known to the
entry. What somebody else kept of the log is compared too: only that shows a log that was cut short, or that showed
others another history.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from broker.audit import merkle, note
from broker.audit.export import Entry, Head, Item, Mark
from broker.audit.merkle import Frontier
from broker.audit.note import Checkpoint, NoteInvalid, NoteKey


class Bad(NamedTuple):
    """What is wrong. ``first`` is the first entry that may be bad, ``last`` the last one that may be the first bad."""

    first: int
    last: int
    what: str

    def __str__(self) -> str:
        where = f"entry {self.first}" if self.first == self.last else f"entry {self.first} or later, by {self.last}"
        return f"{where}: {self.what}"


class Verified(NamedTuple):
    """What was verified: a checkpoint, how many entries with their text, how many checkpoints on the way."""

    checkpoint: Checkpoint
    texts: int
    checkpoints: int


class Known(NamedTuple):
    """What was kept elsewhere: checkpoints that the log signed, and hashes of entries from another export."""

    checkpoints: Sequence[Checkpoint] = ()
    hashes: Sequence[tuple[int, bytes]] = ()


def verify(items: Iterable[Item], keys: Sequence[NoteKey], known: Known | None = None) -> Verified | Bad:
    """Verify an export; the first thing that is wrong, or what was verified.

    The first of ``keys`` is the one that signs now: what those of before signed counts only as far as it signed again.
    """
    verifier = _Verifier(keys, known or Known())
    for item in items:
        match item:
            case Head():
                bad = verifier.begin(item)
            case Entry():
                bad = verifier.take(item)
            case Mark(written):
                bad = verifier.compare(written)
        if bad is not None:
            return bad
    return verifier.end()


class _Verifier:
    def __init__(self, keys: Sequence[NoteKey], known: Known) -> None:
        self._keys = keys
        self._known = {one.size: one for one in known.checkpoints}
        self._hashes = dict(known.hashes)
        self._tree = Frontier()
        self._head: Head | None = None
        self._good = self._vouched = 0
        self._newest: Checkpoint | None = None
        self._texts = self._checkpoints = 0

    def begin(self, head: Head) -> Bad | None:
        """Take the head."""
        if self._head is not None:
            return self._here("a second export begins: verify one after the other")
        if len(head.before) != head.start.bit_count():
            return Bad(head.start, head.start, "the export does not say what is before it")
        self._head = head
        self._tree = Frontier(head.start, head.before)
        self._good = head.start
        return None

    def take(self, entry: Entry) -> Bad | None:
        """Take the next entry."""
        if self._head is None:
            return self._here("the export has no head")
        if entry.place != self._tree.size:
            return self._here(f"is not there; entry {entry.place} stands in its place")
        if entry.gone:
            return self._here("its text is gone, or is not what was signed")
        if entry.text is not None:
            if merkle.leaf_hash(entry.text) != entry.hash:
                return self._here("its text is not what its hash says")
            self._texts += 1
        if self._hashes.get(entry.place, entry.hash) != entry.hash:
            return self._here("a fork: the export that was kept has another entry here")
        self._tree.append(entry.hash)
        return self._against_known()

    def compare(self, written: str) -> Bad | None:
        """Compare with a checkpoint that stands here."""
        last = max(self._good, self._tree.size - 1)
        try:
            checkpoint = note.open_checkpoint(note.read_note(written), self._keys)
        except NoteInvalid as error:
            return Bad(self._good, last, f"the checkpoint behind it does not hold: {error}")
        if checkpoint.size > self._tree.size:
            return self._here(f"is not there, and a checkpoint over {checkpoint.size} entries was signed")
        if checkpoint.size < self._tree.size:
            return Bad(checkpoint.size, last, "stands before the checkpoint that does not cover it")
        if checkpoint.root != self._tree.root():
            return Bad(self._good, last, "the entries do not add up to what was signed")
        self._good, self._newest = checkpoint.size, checkpoint
        if self._is_current(written):
            self._vouched = checkpoint.size
        self._checkpoints += 1
        return None

    def end(self) -> Verified | Bad:
        """The result, when everything was taken."""
        size = self._tree.size
        if self._head is None or self._newest is None:
            return self._here("no checkpoint vouches for anything here")
        if self._head.end > size:
            return self._here(f"is not there: the export says that it ends with entry {self._head.end - 1}")
        if size > self._good:
            return Bad(self._good, size - 1, "no checkpoint vouches for it")
        if size > self._vouched:
            return Bad(self._vouched, size - 1, "only a key of before signed it, and whoever has that may be a thief")
        beyond = max([*self._known, *(index + 1 for index in self._hashes)], default=0)
        if beyond > size:
            return self._here(f"is not there: cut short, for what was kept tells of {beyond} entries")
        return Verified(self._newest, self._texts, self._checkpoints)

    def _is_current(self, written: str) -> bool:
        try:
            note.open_checkpoint(note.read_note(written), self._keys[:1])
        except NoteInvalid:
            return False
        return True

    def _against_known(self) -> Bad | None:
        kept = self._known.get(self._tree.size)
        if kept is None or kept.root == self._tree.root():
            return None
        before = max((size for size in self._known if size < kept.size), default=0)
        return Bad(before, kept.size - 1, f"a fork: another tree of {kept.size} entries was signed, too")

    def _here(self, what: str) -> Bad:
        return Bad(self._tree.size, self._tree.size, what)
