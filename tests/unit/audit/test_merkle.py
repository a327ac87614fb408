"""The tree against the vectors that Certificate Transparency's own tests publish, and against its laws."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audit import merkle, tiles
from broker.audit.merkle import EMPTY_ROOT, Frontier, Range, Subtree
from broker.audit.tiles import TileId

ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = [
    (0, 1, ()),
    (0, 8, ("96a296d2", "5f083f0a", "6b47aaf2")),
    (5, 8, ("bc1a0643", "ca854ea1", "d37ee418")),
    (2, 3, ("fac54203",)),
    (1, 5, ("6e340b9c", "5f083f0a", "bc1a0643")),
]
CONSISTENCY = [
    (1, 1, ()),
    (1, 8, ("96a296d2", "5f083f0a", "6b47aaf2")),
    (6, 8, ("0ebc5d34", "ca854ea1", "d37ee418")),
    (2, 5, ("5f083f0a", "bc1a0643")),
]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1 word for word, and nothing of the code under test but the two hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def prove(leaves: Sequence[bytes], ranges: Sequence[Range]) -> list[bytes]:
    return [naive_root(leaves[part.start : part.end]) for part in ranges]


PUBLISHED = [merkle.leaf_hash(entry) for entry in ENTRIES]


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    grown = Frontier()
    for leaf in PUBLISHED[:size]:
        grown.append(leaf)
    assert grown.root().hex() == naive_root(PUBLISHED[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree() -> None:
    assert Frontier().root() == EMPTY_ROOT == naive_root([])


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_published_inclusion_proofs(index: int, size: int, path: tuple[str, ...]) -> None:
    proof = prove(PUBLISHED, merkle.inclusion(index, size))
    assert tuple(part.hex()[:8] for part in proof) == path
    assert merkle.verify_inclusion(index, size, PUBLISHED[index], proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENCY)
def test_published_consistency_proofs(first: int, second: int, path: tuple[str, ...]) -> None:
    proof = prove(PUBLISHED, merkle.consistency(first, second))
    assert tuple(part.hex()[:8] for part in proof) == path
    old, new = (bytes.fromhex(ROOTS[size - 1]) for size in (first, second))
    assert merkle.verify_consistency(first, second, old, new, proof)


def test_every_proof_of_small_trees_holds_and_no_other_does() -> None:
    leaves = leaves_of(20)
    for size in range(1, 21):
        root = naive_root(leaves[:size])
        for index in range(size):
            proof = prove(leaves, merkle.inclusion(index, size))
            assert merkle.verify_inclusion(index, size, leaves[index], proof, root)
            assert not merkle.verify_inclusion(index, size, leaves[index - 1 if index else 19], proof, root)
            assert not merkle.verify_inclusion(index, size, leaves[index], [*proof, root], root)
            assert not proof or not merkle.verify_inclusion(index, size, leaves[index], proof[:-1], root)
        for first in range(1, size + 1):
            old, proof = naive_root(leaves[:first]), prove(leaves, merkle.consistency(first, size))
            assert merkle.verify_consistency(first, size, old, root, proof)
            assert not merkle.verify_consistency(first, size, naive_root(leaves[1 : first + 1]), root, proof)
            assert not merkle.verify_consistency(first, size, old, root, [*proof, root])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_what_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    assert not merkle.verify_inclusion(index, size, b"", [], b"")
    with pytest.raises(ValueError, match="not in the tree"):
        merkle.inclusion(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_trees_that_cannot_be_consistent_have_no_proof(first: int, second: int) -> None:
    assert not merkle.verify_consistency(first, second, b"", b"", [])
    with pytest.raises(ValueError, match="the first tree"):
        merkle.consistency(first, second)


LEAVES = leaves_of(1000)
sizes = st.integers(0, 1000)


@given(sizes, st.lists(st.integers(1, 300), max_size=6))
def test_a_tree_that_grew_in_portions_is_the_tree_that_came_at_once(start: int, portions: list[int]) -> None:
    stored: dict[TileId, bytes] = dict(tiles.grown({}, 0, LEAVES[:start]))
    size = start
    for portion in portions:
        known = {name: stored[name] for name in tiles.edge(size)}
        new = LEAVES[size : size + portion]
        stored |= tiles.grown(known, size, new)
        size += len(new)
    assert stored == tiles.grown({}, 0, LEAVES[:size])
    assert tiles.tree_root(stored, size) == naive_root(LEAVES[:size])
    assert {name: len(tile) // 32 for name, tile in stored.items()} == dict(tiles.widths(size))
    rest = tiles.frontier(stored, size)
    rest.append(LEAVES[0])
    assert rest.root() == naive_root([*LEAVES[:size], LEAVES[0]])


@given(st.data())
def test_tiles_prove_what_the_definition_proves(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1000))
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    stored = tiles.grown({}, 0, LEAVES[:size])
    for ranges in (merkle.inclusion(index, size), merkle.consistency(first, size)):
        few = {name: stored[name] for name in tiles.needed(ranges)}
        assert tiles.roots(few, ranges) == prove(LEAVES, ranges)


def test_a_tile_that_is_short_of_hashes_is_noticed() -> None:
    stored = tiles.grown({}, 0, LEAVES[:9])
    with pytest.raises(ValueError, match="shorter"):
        tiles.subtree_hash({TileId(0, 0): stored[TileId(0, 0)][:-32]}, Subtree(0, 8))


@pytest.mark.parametrize(
    ("tile", "width", "path"),
    [
        (TileId(0, 0), 256, "tile/0/000"),
        (TileId(2, 1234067), 256, "tile/2/x001/x234/067"),
        (TileId(0, 273), 112, "tile/0/273.p/112"),
    ],
)
def test_paths_of_tiles(tile: TileId, width: int, path: str) -> None:
    assert tile.path(width) == path


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    found = dict(tiles.widths(70_000))
    full = [sum(1 for tile, width in found.items() if tile.level == level and width == 256) for level in range(3)]
    partial = {tile.level: width for tile, width in found.items() if width < 256}
    assert (full, partial) == ([273, 1, 0], {0: 112, 1: 17, 2: 1})
