"""The vault on both databases: what one node sealed another opens, nobody else does, and a destroyed key stays so."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from broker.errors import BrokerError, Erased, Misconfigured, Unrecorded
from broker.privacy.root_keys import FileRootKeys, LocalRootKeys, RootKeyFile
from broker.privacy.vault import Vault
from broker.storage.records import SubjectKeyRow
from broker.storage.store import Store
from broker.storage.vault_store import VaultStore
from broker.usecases.privacy.open_keys import open_root_keys
from broker.usecases.privacy.rotate_keys import RotateKeys
from tests.support.clocks import HandClock
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import a_commit

WHO = b"pseudonym of one"
OTHER = b"pseudonym of two"
SECRET = b"a payload about somebody"
KEYS = "SELECT count(*) FROM subject_keys"


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


@pytest.fixture
def file(tmp_path: Path) -> RootKeyFile:
    return RootKeyFile(tmp_path / "keys" / "vault.keys", secrets.token_bytes)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def node(store: Store, file: RootKeyFile, clock: HandClock, entries_max: int = 100) -> Vault:
    roots = FileRootKeys(file, secrets.token_bytes)
    return Vault(store.vault, roots, clock, secrets.token_bytes, entries_max=entries_max)


def rotation(store: Store, file: RootKeyFile, clock: HandClock) -> RotateKeys:
    roots = FileRootKeys(file, secrets.token_bytes)
    return RotateKeys(store.vault, roots, clock, secrets.token_bytes)


async def test_what_one_node_sealed_another_one_opens(store: Store, file: RootKeyFile, clock: HandClock) -> None:
    sealed = await node(store, file, clock).seal("acme", WHO, "note:1", SECRET)
    assert SECRET not in sealed
    assert await node(store, file, clock).open("acme", WHO, "note:1", sealed) == SECRET


async def test_equal_payloads_look_unrelated(store: Store, file: RootKeyFile, clock: HandClock) -> None:
    vault = node(store, file, clock)
    once, again = [await vault.seal("acme", WHO, "note:1", SECRET) for _ in range(2)]
    assert once[9:] != again[9:]
    assert once[:9] == again[:9], "one key for one subject"


@pytest.mark.parametrize(
    ("tenant", "subject", "use"),
    [("acme", WHO, "note:2"), ("acme", OTHER, "note:1"), ("globex", WHO, "note:1")],
    ids=["another use", "another subject", "another tenant"],
)
async def test_a_payload_opens_in_no_other_place(
    store: Store, file: RootKeyFile, clock: HandClock, tenant: str, subject: bytes, use: str
) -> None:
    vault = node(store, file, clock)
    sealed = await vault.seal("acme", WHO, "note:1", SECRET)
    await vault.seal(tenant, subject, use, b"theirs")
    with pytest.raises(BrokerError):
        await vault.open(tenant, subject, use, sealed)


async def test_a_key_row_put_in_another_place_opens_nothing(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    sealed = await node(store, file, clock).seal("acme", WHO, "note:1", SECRET)
    other = OTHER.hex() if url.startswith("sqlite") else f"\\x{OTHER.hex()}"
    await execute(url, f"UPDATE subject_keys SET subject = {'x' if url.startswith('sqlite') else ''}'{other}'")
    with pytest.raises(BrokerError, match="not what was sealed"):
        await node(store, file, clock).open("acme", OTHER, "note:1", sealed)


async def test_every_flipped_bit_is_noticed(store: Store, file: RootKeyFile, clock: HandClock) -> None:
    vault = node(store, file, clock)
    sealed = await vault.seal("acme", WHO, "note:1", SECRET)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(BrokerError):
            await vault.open("acme", WHO, "note:1", bytes(changed))


async def test_nodes_that_meet_a_subject_together_lose_nothing(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    nodes = [node(store, file, clock) for _ in range(4)]
    sealed = await asyncio.gather(*(one.seal("acme", WHO, "note:1", SECRET) for one in nodes))
    fresh = node(store, file, clock)
    assert {await fresh.open("acme", WHO, "note:1", one) for one in sealed} == {SECRET}
    assert {await nodes[0].open("acme", WHO, "note:1", one) for one in sealed} == {SECRET}


async def test_a_new_key_goes_with_the_record_that_it_sealed(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    vault = node(store, file, clock)
    key = await vault.key("acme", WHO)
    assert await execute(url, KEYS) == [(0,)], "nothing is written before something is sealed"
    commits = [
        a_commit(name, subject=WHO, record=key.seal(name, SECRET), subject_key=key.unwritten)
        for name in ("chk_1", "chk_2")
    ]
    await asyncio.gather(*map(store.settle, commits))
    vault.written(key)
    assert (await vault.key("acme", WHO)).unwritten is None
    assert await execute(url, KEYS) == [(1,)]
    for commit in commits:
        assert await node(store, file, clock).open("acme", WHO, commit.check_id, commit.record) == SECRET


async def test_a_record_that_is_refused_takes_its_key_along(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    key = await node(store, file, clock).key("acme", WHO)
    with pytest.raises(Unrecorded):
        await store.settle(a_commit(subject=WHO, decision=None, subject_key=key.unwritten))
    assert await execute(url, KEYS) == [(0,)]


async def test_without_its_key_a_payload_is_erased_and_the_next_one_is_not(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    vault = node(store, file, clock)
    sealed = await vault.seal("acme", WHO, "note:1", SECRET)
    await execute(url, "DELETE FROM subject_keys")
    vault.forget("acme", WHO)
    for reader in (vault, node(store, file, clock)):
        with pytest.raises(Erased):
            await reader.open("acme", WHO, "note:1", sealed)
    again = await vault.seal("acme", WHO, "note:1", SECRET)
    assert await vault.open("acme", WHO, "note:1", again) == SECRET


async def test_memory_holds_so_many_keys_and_the_store_the_rest(
    store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    vault = node(store, file, clock, entries_max=2)
    sealed = {bytes([n]): await vault.seal("acme", bytes([n]), "note:1", SECRET) for n in range(5)}
    assert repr(vault) == "Vault(2 subjects)"
    for subject, one in sealed.items():
        assert await vault.open("acme", subject, "note:1", one) == SECRET


async def test_nothing_that_is_stored_opens_without_the_root_key(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    await node(store, file, clock).seal("acme", WHO, "note:1", SECRET)
    file.path.unlink()
    with pytest.raises(Misconfigured, match="put the file back"):
        await open_root_keys(file, store.vault, secrets.token_bytes)
    file.read()  # another key in its place
    with pytest.raises(Misconfigured, match=r"root key .* is not there"):
        await open_root_keys(file, store.vault, secrets.token_bytes)


async def test_rotation_wraps_keys_anew_and_touches_no_payload(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    running = node(store, file, clock)
    sealed = {
        (tenant, bytes([n])): await running.seal(tenant, bytes([n]), "note:1", SECRET)
        for tenant in ("acme", "globex")
        for n in range(3)
    }
    before = file.read()
    done = await rotation(store, file, clock)(forget_old=False)
    assert (done.tenants, done.subjects) == (2, 6)
    assert file.read() != before
    assert file.read().endswith(before), "backups still need the old one"
    assert {row[0] for row in await execute(url, "SELECT tenant_version FROM subject_keys")} == {2}
    for reader in (running, node(store, file, clock)):
        for (tenant, subject), one in sealed.items():
            assert await reader.open(tenant, subject, "note:1", one) == SECRET


async def test_a_running_node_goes_over_to_the_new_key_and_the_old_one_is_forgotten(
    url: str, store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    running = node(store, file, clock)
    sealed = await running.seal("acme", WHO, "note:1", SECRET)
    await rotation(store, file, clock)(forget_old=True)
    late = await running.seal("acme", OTHER, "note:1", SECRET)  # still under the version that it knows
    assert len(file.read().split()) == 2, "the old one is needed for a while"
    clock.advance(601)
    await running.seal("acme", b"third", "note:1", SECRET)
    await rotation(store, file, clock)(forget_old=True)
    clock.advance(601)
    done = await rotation(store, file, clock)(forget_old=True)
    assert done.root_id not in done.forgotten
    assert file.read().split()
    fresh = node(store, file, clock)
    assert await fresh.open("acme", WHO, "note:1", sealed) == SECRET
    assert await fresh.open("acme", OTHER, "note:1", late) == SECRET


class Dying:
    """The store's keys for a process that dies when two of them are wrapped anew."""

    def __init__(self, keys: VaultStore) -> None:
        self._keys = keys

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)

    async def rewrap(self, pairs: Sequence[tuple[SubjectKeyRow, SubjectKeyRow]]) -> None:
        await self._keys.rewrap(pairs[:2])
        raise Unrecorded


async def test_an_interrupted_rotation_goes_on_and_makes_no_second_key(
    store: Store, file: RootKeyFile, clock: HandClock
) -> None:
    vault = node(store, file, clock)
    sealed = {bytes([n]): await vault.seal("acme", bytes([n]), "note:1", SECRET) for n in range(5)}
    roots = FileRootKeys(file, secrets.token_bytes)
    with pytest.raises(Unrecorded):
        await RotateKeys(Dying(store.vault), roots, clock, secrets.token_bytes)(forget_old=False)
    half = file.read()
    for subject, one in sealed.items():
        assert await node(store, file, clock).open("acme", subject, "note:1", one) == SECRET
    done = await rotation(store, file, clock)(forget_old=False)
    assert (done.subjects, file.read()) == (3, half)
    assert len(half.split()) == 2


async def test_root_keys_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, store: Store, clock: HandClock
) -> None:
    first, second = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    monkeypatch.setenv("TRUST_BROKER_VAULT_KEYS", first)
    roots = await open_root_keys(None, store.vault, secrets.token_bytes)
    vault = Vault(store.vault, roots, clock, secrets.token_bytes, entries_max=10)
    sealed = await vault.seal("acme", WHO, "note:1", SECRET)
    rotate = RotateKeys(store.vault, roots, clock, secrets.token_bytes)
    with pytest.raises(Misconfigured, match="put a new one before it"):
        await rotate(forget_old=False)
    monkeypatch.setenv("TRUST_BROKER_VAULT_KEYS", f"{second}\n{first}")
    assert (await rotate(forget_old=False)).subjects == 1
    assert await vault.open("acme", WHO, "note:1", sealed) == SECRET


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "no key"), ("AAAA", "has 3 bytes and not 32"), ("not base64!", "is no base64")],
)
def test_a_bad_root_key_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=f"vault.keys: .*{told}"):
        LocalRootKeys(lambda: text, "vault.keys", secrets.token_bytes)
