"""Tiles: how the tree is stored and published (C2SP tlog-tiles). A tile is up to 256 hashes of one level, 8 kB.

Level 0 holds the hashes of entries, each level above the roots of the full tiles below. What lies between is computed:
a proof over a million entries reads six tiles and hashes a thousand times.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from broker.audit import merkle
from broker.audit.merkle import HASH_BYTES, Range, Subtree

WIDTH = 256
_HEIGHT = 8
_PATH_BASE = 1000


class TileId(NamedTuple):
    """A tile by its level, from 0, and its number within the level."""

    level: int
    number: int

    def path(self, width: int = WIDTH) -> str:
        """Where it is published, below a prefix; ``width`` is how many hashes it holds."""
        return f"tile/{self.level}/{_number(self.number, width)}"


Tiles = Mapping[TileId, bytes]


def bundle_path(number: int, width: int = WIDTH) -> str:
    """Where the entries of a tile of level 0 are published, below a prefix."""
    return f"tile/entries/{_number(number, width)}"


def _number(number: int, width: int) -> str:
    parts = [f"{number % _PATH_BASE:03}"]
    while number := number // _PATH_BASE:
        parts.append(f"x{number % _PATH_BASE:03}")
    return "/".join(reversed(parts)) + (f".p/{width}" if width < WIDTH else "")


def home(subtree: Subtree) -> TileId:
    """The tile that a complete subtree is computed from."""
    level, inner = divmod(subtree.level, _HEIGHT)
    return TileId(level, subtree.number << inner >> _HEIGHT)


def needed(ranges: Iterable[Range]) -> list[TileId]:
    """The tiles that the roots over some ranges are computed from."""
    return sorted({home(subtree) for part in ranges for subtree in merkle.cover(part)})


def subtree_hash(tiles: Tiles, subtree: Subtree) -> bytes:
    """The root over a complete subtree.

    Raises:
        KeyError: its tile is not there.
        ValueError: its tile is too short.
    """
    inner = subtree.level % _HEIGHT
    first = (subtree.number << inner) % WIDTH
    hashes = split(tiles[home(subtree)])[first : first + (1 << inner)]
    if len(hashes) != 1 << inner:
        raise ValueError("the tile is shorter than the tree")
    return merkle.complete_root(hashes)


def roots(tiles: Tiles, ranges: Sequence[Range]) -> list[bytes]:
    """The root over each range; errors as of :func:`subtree_hash`."""
    return [merkle.root_of(part, lambda subtree: subtree_hash(tiles, subtree)) for part in ranges]


def tree_root(tiles: Tiles, size: int) -> bytes:
    """The root of the tree of ``size``; errors as of :func:`subtree_hash`."""
    return roots(tiles, [Range(0, size)])[0]


def frontier(tiles: Tiles, size: int) -> merkle.Frontier:
    """The tree of ``size``, ready to grow; errors as of :func:`subtree_hash`."""
    return merkle.Frontier(size, [subtree_hash(tiles, subtree) for subtree in merkle.cover(Range(0, size))])


def edge(size: int) -> list[TileId]:
    """The partial tiles of a tree: those that its next entries go into, and that its root comes from."""
    found, level = [], 0
    while size:
        if size % WIDTH:
            found.append(TileId(level, size // WIDTH))
        size, level = size // WIDTH, level + 1
    return found


def grown(tiles: Tiles, size: int, leaves: Sequence[bytes]) -> dict[TileId, bytes]:
    """The tiles that change when a tree of ``size`` takes these leaf hashes, as they are then.

    ``tiles`` hold at least the tree's edge.
    """
    changed: dict[TileId, bytes] = {}
    level, position, pending = 0, size, list(leaves)
    while pending:
        number, width = divmod(position, WIDTH)
        full: list[bytes] = []
        tile = tiles[TileId(level, number)][: width * HASH_BYTES] if width else b""
        for taken in _portions(pending, WIDTH - width):
            tile += b"".join(taken)
            changed[TileId(level, number)] = tile
            if len(tile) == WIDTH * HASH_BYTES:
                full.append(merkle.complete_root(split(tile)))
            number, tile = number + 1, b""
        level, position, pending = level + 1, position // WIDTH, full
    return changed


def widths(size: int) -> Iterable[tuple[TileId, int]]:
    """Every tile of a tree of ``size``, with how many hashes it holds."""
    level = 0
    while size:
        for number in range(-(-size // WIDTH)):
            yield TileId(level, number), min(WIDTH, size - number * WIDTH)
        size, level = size // WIDTH, level + 1


def split(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def _portions(hashes: Sequence[bytes], first: int) -> Iterable[Sequence[bytes]]:
    yield hashes[:first]
    for at in range(first, len(hashes), WIDTH):
        yield hashes[at : at + WIDTH]
