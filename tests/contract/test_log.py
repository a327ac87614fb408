"""The transparency log on every back end: every leaf once, in order, whoever writes; nothing signed that is not so."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from broker.audit import log_key, merkle, note
from broker.audit.log_key import LogKey
from broker.audit.merkle import Frontier
from broker.audit.note import Checkpoint
from broker.audit.signed_memory import Signed, SignedMemory
from broker.storage.records import CheckCommit
from broker.storage.store import Store
from broker.usecases.audit.sequence_log import SequenceLog
from broker.usecases.audit.sign_log import SignLog
from broker.usecases.audit.stored_tree import RecordDamaged
from tests.support.clocks import HandClock
from tests.support.databases import BACKENDS, database, execute, storing, tamper
from tests.support.stored import a_commit

KEY = LogKey(log_key.generate_pem(), "broker.example/log")
CLOCK = HandClock()


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def signing(store: Store, folder: Path) -> SignLog:
    return SignLog(store.log, KEY, SignedMemory(folder / "log.signed"))


async def write(store: Store, *numbers: int) -> None:
    """So many checks at once, each with a leaf that names it."""

    def commit(number: int) -> CheckCommit:
        body = f"leaf {number}".encode()
        return a_commit(f"chk_{number}", leaf_body=body, leaf_hash=merkle.leaf_hash(body))

    await asyncio.gather(*(store.settle(commit(number)) for number in numbers))


async def tree_of(url: str) -> tuple[int, bytes]:
    tree = Frontier()
    for (body,) in await execute(url, "SELECT body FROM log_leaves ORDER BY seq"):
        tree.append(merkle.leaf_hash(body))
    return tree.size, tree.root()


async def sequence_all(store: Store, sequence: SequenceLog, size: int) -> None:
    for _ in range(200):
        await sequence()
        if (await store.log.head()).size == size:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the log did not take everything in")


async def test_leaves_become_a_tree_that_is_signed_once_stored(url: str, store: Store, tmp_path: Path) -> None:
    sequence, sign = SequenceLog(store.log, CLOCK), signing(store, tmp_path)
    assert (await sequence(), await sign()) == (0, None)
    sizes = []
    for portion in (range(1), range(1, 300), range(300, 700)):
        await write(store, *portion)
        await sequence()
        signed = await sign()
        assert signed is not None
        checkpoint = note.open_checkpoint(note.read_note(str(signed)), [KEY.public])
        assert checkpoint == Checkpoint(KEY.origin, *await tree_of(url))
        sizes.append(checkpoint.size)
        newest = await store.log.newest_signed()
        assert newest is not None
        assert newest.note == str(signed)
    assert sizes == [1, 300, 700]
    assert SignedMemory(tmp_path / "log.signed").last() == Signed(*await tree_of(url))
    assert (await sequence(), await sign()) == (0, None)


async def test_every_leaf_is_found_at_its_index(store: Store) -> None:
    await write(store, *range(600))
    await SequenceLog(store.log, CLOCK)()
    places = set()
    for number in range(0, 600, 37):
        found = await store.log.place_of("acme", f"chk_{number}")
        assert found is not None
        tile, place, leaf_hash = found
        hashes = (await store.log.tiles([(0, tile)]))[0, tile]
        assert hashes[place * 32 : place * 32 + 32] == leaf_hash == merkle.leaf_hash(f"leaf {number}".encode())
        places.add(tile * 256 + place)
    assert len(places) == len(range(0, 600, 37))
    assert await store.log.place_of("globex", "chk_1") is None


async def test_two_nodes_that_write_and_sequence_at_once_make_one_log(url: str, store: Store, tmp_path: Path) -> None:
    async with storing(url) as other:
        nodes = [(node, SequenceLog(node.log, CLOCK), signing(node, tmp_path)) for node in (store, other)]

        async def live(number: int) -> None:
            node, sequence, sign = nodes[number]
            for portion in range(12):
                await write(node, *(number * 10_000 + portion * 100 + each for each in range(17)))
                await sequence()
                await sign()

        await asyncio.gather(live(0), live(1))
        await sequence_all(store, nodes[0][1], 2 * 12 * 17)
        await nodes[1][2]()
        newest = await other.log.newest_signed()
        assert newest is not None
        assert (newest.size, newest.root) == await tree_of(url)
        # Every checkpoint on the way is the beginning of the last one.
        tree = Frontier()
        signed = {one.size: one.root for one in await store.log.signed(0, newest.size, 1000)}
        for (body,) in await execute(url, "SELECT body FROM log_leaves ORDER BY seq"):
            tree.append(merkle.leaf_hash(body))
            assert signed.pop(tree.size, tree.root()) == tree.root()
        assert not signed


async def test_a_leaf_that_becomes_visible_late_is_waited_for(tmp_path: Path) -> None:
    """On PostgreSQL a transaction may hold a lower number than those who commit before it, or give it up."""
    with database("postgres", tmp_path) as url:
        async with storing(url) as store:
            sequence = SequenceLog(store.log, CLOCK)
            late, given_up = await asyncpg.connect(url), await asyncpg.connect(url)
            insert = "INSERT INTO log_leaves (tenant, check_id, leaf_hash, body) VALUES ('acme', $1, $2, $3)"
            try:
                for slow, name in ((late, "late"), (given_up, "given up")):
                    await slow.execute("BEGIN")
                    await slow.execute(insert, name, merkle.leaf_hash(name.encode()), name.encode())
                await write(store, 1, 2)
                assert [await sequence() for _ in range(3)] == [0, 0, 0], "nobody may overtake who may yet appear"
                await late.execute("COMMIT")
                assert await sequence() == 0
                await given_up.execute("ROLLBACK")
                await write(store, 3)
                await sequence_all(store, sequence, 4)
            finally:
                for slow in (late, given_up):
                    await slow.close()
            rows = await execute(url, "SELECT check_id FROM log_leaves ORDER BY seq")
            assert rows[0] == ("late",)
            found = await store.log.place_of("acme", "chk_3")
            assert found is not None
            assert found[:2] == (0, 3)


TAMPERING = {
    "a body that waits": ("UPDATE log_leaves SET body = leaf_hash WHERE check_id = 'chk_5'", "entry 5"),
    "a hash that waits": ("UPDATE log_leaves SET leaf_hash = body WHERE check_id = 'chk_5'", "entry 5"),
    "tiles are gone": ("DELETE FROM log_tiles", "tiles of the tree are gone"),
}


@pytest.mark.parametrize(("statement", "said"), TAMPERING.values(), ids=TAMPERING.keys())
async def test_what_is_damaged_before_it_is_in_the_tree_never_gets_there(
    url: str, store: Store, statement: str, said: str
) -> None:
    sequence = SequenceLog(store.log, CLOCK)
    for number in range(5):
        await write(store, number)
    await sequence()
    await write(store, 5)
    await tamper(url, statement)
    with pytest.raises(RecordDamaged, match=said):
        await sequence()
    assert (await store.log.head()).size == 5


LATER = {
    "a body": "UPDATE log_leaves SET body = leaf_hash WHERE check_id = 'chk_3'",
    "body and hash": "UPDATE log_leaves SET body = leaf_hash, leaf_hash = body WHERE check_id = 'chk_3'",
    "a deleted leaf": "DELETE FROM log_leaves WHERE check_id = 'chk_3'",
    "the root": "UPDATE log_checkpoints SET root = (SELECT root FROM log_checkpoints WHERE size = 2) WHERE size = 5",
    "a tile": "UPDATE log_tiles SET hashes = (SELECT leaf_hash FROM log_leaves WHERE check_id = 'chk_3')",
}


@pytest.mark.parametrize("statement", LATER.values(), ids=LATER.keys())
async def test_what_was_damaged_after_it_was_stored_is_not_signed(
    url: str, store: Store, tmp_path: Path, statement: str
) -> None:
    sequence, sign = SequenceLog(store.log, CLOCK), signing(store, tmp_path)
    for numbers in ((0, 1), (2,)):
        await write(store, *numbers)
        await sequence()
        await sign()
    await write(store, 3, 4)
    await sequence()
    await tamper(url, statement)
    with pytest.raises(RecordDamaged):
        await sign()
    newest = await store.log.newest_signed()
    assert newest is not None
    assert newest.size == 3


async def test_a_database_from_yesterday_is_not_signed_on(store: Store, url: str, tmp_path: Path) -> None:
    sequence, sign = SequenceLog(store.log, CLOCK), signing(store, tmp_path)
    await write(store, 0)
    await sequence()
    memory = SignedMemory(tmp_path / "log.signed")
    memory.keep(Signed(9, bytes(32)))
    with pytest.raises(RecordDamaged, match="an earlier one"):
        await sign()
    assert await store.log.newest_signed() is None


async def test_another_history_of_the_same_length_is_not_signed_on(store: Store, tmp_path: Path) -> None:
    sequence, sign = SequenceLog(store.log, CLOCK), signing(store, tmp_path)
    SignedMemory(tmp_path / "log.signed").keep(Signed(1, bytes(32)))
    await write(store, 0)
    await sequence()
    with pytest.raises(RecordDamaged, match="not those that were signed"):
        await sign()


async def test_a_signer_that_died_between_remembering_and_signing_goes_on(store: Store, tmp_path: Path) -> None:
    sequence, sign = SequenceLog(store.log, CLOCK), signing(store, tmp_path)
    await write(store, 0)
    await sequence()
    (waiting,) = await store.log.to_sign(0, 9)
    SignedMemory(tmp_path / "log.signed").keep(Signed(waiting.size, waiting.root))
    signed = await sign()
    assert signed is not None
    assert note.open_checkpoint(signed, [KEY.public]).size == 1
