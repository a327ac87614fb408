"""Merkle trees as in RFC 6962 section 2.1: roots, proofs, and their verification. Pure; hashes are 32 bytes of SHA-256.

A tree over entries 0 to n is fixed by its size: the left part is the largest power of two below n. So every proof is a
list of ranges of entries, and every range is covered by a few complete subtrees.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without entries."""

_LEAF, _NODE = b"\x00", b"\x01"


class Subtree(NamedTuple):
    """A complete subtree: the entries from ``number << level`` to before ``number + 1 << level``."""

    level: int
    number: int


class Range(NamedTuple):
    """Entries from ``start`` to before ``end``, as a proof names them."""

    start: int
    end: int


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(_NODE + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of leaf hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def cover(part: Range) -> list[Subtree]:
    """The complete subtrees of a range, left to right; fewer than 64.

    ``part`` is a whole tree, or one that :func:`inclusion` or :func:`consistency` named: it starts where its largest
    subtree may start.
    """
    found, start = [], part.start
    while start < part.end:
        level = (part.end - start).bit_length() - 1
        found.append(Subtree(level, start >> level))
        start += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over the subtrees that :func:`cover` named."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def root_of(part: Range, hash_of: Callable[[Subtree], bytes]) -> bytes:
    """The root over a range, from the hashes of complete subtrees."""
    return fold([hash_of(subtree) for subtree in cover(part)])


def inclusion(index: int, size: int) -> list[Range]:
    """What the proof that entry ``index`` is in the tree of ``size`` consists of (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("the entry is not in the tree")
    ranges, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append(Range(middle, end))
            end = middle
        else:
            ranges.append(Range(start, middle))
            start = middle
    return ranges[::-1]


def consistency(first: int, second: int) -> list[Range]:
    """What the proof that the first tree is the beginning of the second consists of (RFC 6962 section 2.1.2)."""
    if not 0 < first <= second:
        raise ValueError("the first tree is not empty, and not larger than the second")
    ranges, start, end = [], 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append(Range(middle, end))
            end = middle
        else:
            ranges.append(Range(start, middle))
            start = middle
    # The first tree itself needs no telling where it is one complete subtree: whoever verifies has its root.
    return [*([Range(start, end)] if start else []), *ranges[::-1]]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the entry with hash ``leaf`` is at ``index`` in the tree with ``root`` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the first tree is the beginning of the second (RFC 9162 section 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


class Frontier:
    """A growing tree of which only the hashes of :func:`cover` are kept: what appending and the root need."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError("a tree of this size has another number of complete subtrees")

    def append(self, leaf: bytes) -> None:
        """Add the hash of one entry."""
        merging = self.size
        while merging & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            merging >>= 1
        self._hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far."""
        return fold(self._hashes)


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1
