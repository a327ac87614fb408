"""The contract of every provider of root keys: a file, the environment, a key management service over real HTTP."""

import base64
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker.adapter_kit.transport import TransportLimits, default_tls, open_transport
from broker.errors import BrokerError, Misconfigured, Unrecorded
from broker.privacy.root_keys import FileRootKeys, LocalRootKeys, RootKeyFile, RootKeys
from broker.privacy.sealing import Damaged
from broker.privacy.transit import TransitKey, TransitRootKeys
from broker.privacy.vault import Vault
from broker.storage.store import Store
from broker.usecases.privacy.open_keys import open_root_keys
from broker.usecases.privacy.rotate_keys import RotateKeys
from tests.support.clocks import HandClock
from tests.support.databases import fresh_database, storing
from tests.support.transit import TransitService, transit

PLACE, ELSEWHERE = b"tenant key of acme, 1", b"tenant key of globex, 1"
KEY = b"k" * 32
TLS = default_tls()


class Environment:
    """A text that somebody else changes."""

    def __init__(self) -> None:
        self.text = _line()

    def renew(self) -> None:
        self.text = f"{_line()}\n{self.text}"


class Handed(LocalRootKeys):
    """Root keys of an environment, and whoever runs the broker: renewing is done by hand."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(lambda: environment.text, "the environment", secrets.token_bytes)
        self._environment = environment

    async def renew(self) -> None:
        with pytest.raises(Misconfigured, match="put a new one before it"):
            await super().renew()
        self._environment.renew()


def _line() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


class Service:
    """A key management service and our token for it."""

    def __init__(self, running: TransitService, folder: Path) -> None:
        self.running = running
        self.token = folder / "transit.token"
        self.token.touch(mode=0o600)
        self.token.write_text(f"{running.token}\n")

    def keys(self, before: RootKeys | None = None, *, url: str = "", name: str = "trust-broker") -> TransitRootKeys:
        key = TransitKey(url or self.running.url, "transit", name, self.token)
        return TransitRootKeys(key, lambda: open_transport("aiohttp", TransportLimits(), tls=TLS), before)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with transit() as running:
        yield Service(running, tmp_path)


@pytest.fixture(params=["file", "environment", "service"])
def roots(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RootKeys]:
    if request.param == "file":
        yield FileRootKeys(RootKeyFile(tmp_path / "keys" / "vault.keys", secrets.token_bytes), secrets.token_bytes)
    elif request.param == "environment":
        yield Handed(Environment())
    else:
        with transit() as running:
            yield Service(running, tmp_path).keys()


async def test_what_was_wrapped_comes_back_and_shows_nothing(roots: RootKeys) -> None:
    key_id = await roots.current()
    once, again = [await roots.wrap(key_id, KEY, PLACE) for _ in range(2)]
    assert once != again, "equal keys look unrelated"
    assert KEY not in once
    assert base64.b64encode(KEY) not in once
    assert [await roots.unwrap(key_id, one, PLACE) for one in (once, again)] == [KEY, KEY]


async def test_it_opens_in_no_other_place(roots: RootKeys) -> None:
    key_id = await roots.current()
    with pytest.raises(Damaged):
        await roots.unwrap(key_id, await roots.wrap(key_id, KEY, PLACE), ELSEWHERE)


async def test_a_changed_byte_is_noticed_wherever_it_is(roots: RootKeys) -> None:
    key_id = await roots.current()
    wrapped = await roots.wrap(key_id, KEY, PLACE)
    for at in range(0, len(wrapped), 4):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises((Damaged, BrokerError)):
            await roots.unwrap(key_id, bytes(changed), PLACE)


async def test_after_a_renewal_the_new_key_wraps_and_the_old_one_unwraps(roots: RootKeys) -> None:
    first = await roots.current()
    wrapped = await roots.wrap(first, KEY, PLACE)
    await roots.renew()
    second = await roots.current()
    assert first != second
    anew = await roots.wrap(second, KEY, PLACE)
    assert await roots.unwrap(first, wrapped, PLACE) == await roots.unwrap(second, anew, PLACE) == KEY
    with pytest.raises((Damaged, BrokerError)):
        await roots.unwrap(second, wrapped, PLACE)
    await roots.require({first, second})


async def test_a_key_that_is_not_there_is_named(roots: RootKeys) -> None:
    with pytest.raises(Misconfigured, match="deadbeef"):
        await roots.require({await roots.current(), "deadbeef"})
    with pytest.raises(Misconfigured, match="deadbeef"):
        await roots.unwrap("deadbeef", b"x" * 60, PLACE)


async def test_nothing_secret_prints_itself(roots: RootKeys) -> None:
    assert "token of" not in repr(roots)
    assert len(repr(roots)) < 150


async def test_a_service_that_is_away_or_sealed_is_asked_again_later(service: Service) -> None:
    keys = service.keys()
    key_id = await keys.current()
    wrapped = await keys.wrap(key_id, KEY, PLACE)
    service.running.sealed = True
    with pytest.raises(Unrecorded, match="answered 503"):
        await keys.unwrap(key_id, wrapped, PLACE)
    service.running.sealed = False
    assert await keys.unwrap(key_id, wrapped, PLACE) == KEY
    with pytest.raises(Unrecorded, match="does not answer"):
        await service.keys(url="http://127.0.0.1:1").current()


async def test_a_token_is_read_anew_and_one_that_others_can_read_is_refused(service: Service) -> None:
    keys = service.keys()
    service.running.token = "the next one"
    with pytest.raises(Misconfigured, match=r"transit\.token may not use this key"):
        await keys.current()
    service.token.write_text("the next one")
    assert await keys.current() == "transit/trust-broker:v1"
    service.token.chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        await keys.current()


async def test_what_the_service_does_not_do_is_ours_to_mend(service: Service) -> None:
    with pytest.raises(Misconfigured, match="no such key"):
        await service.keys(name="nobody").current()
    with pytest.raises(Misconfigured, match="no such key"):
        await service.keys(name="nobody").wrap("transit/nobody:v1", KEY, PLACE)
    keys = service.keys()
    first = await keys.current()
    wrapped = await keys.wrap(first, KEY, PLACE)
    await keys.renew()
    service.running.min_decryption_version = 2
    with pytest.raises(Misconfigured):
        await keys.unwrap(first, wrapped, PLACE)
    with pytest.raises(Misconfigured, match="min_decryption_version"):
        await keys.require({first})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with storing(fresh_database("sqlite", tmp_path)) as store:
        yield store


async def test_a_vault_moves_from_its_file_into_the_service_without_a_payload_touched(
    store: Store, service: Service, tmp_path: Path
) -> None:
    clock, file = HandClock(), RootKeyFile(tmp_path / "vault.keys", secrets.token_bytes)

    def vault(roots: RootKeys) -> Vault:
        return Vault(store.vault, roots, clock, secrets.token_bytes, entries_max=10)

    before = await open_root_keys(file, store.vault, secrets.token_bytes)
    sealed = [await vault(before).seal("acme", bytes([who]), "note:1", b"a payload") for who in range(3)]
    roots = await open_root_keys(file, store.vault, secrets.token_bytes, service.keys)
    done = await RotateKeys(store.vault, roots, clock, secrets.token_bytes)(forget_old=True)
    assert (done.root_id, done.tenants, done.subjects) == ("transit/trust-broker:v1", 1, 3)
    clock.advance(601)
    await RotateKeys(store.vault, roots, clock, secrets.token_bytes)(forget_old=True)
    clock.advance(601)
    await RotateKeys(store.vault, roots, clock, secrets.token_bytes)(forget_old=True)
    assert all(one.startswith("transit/") for one in await store.vault.roots_in_use())
    file.path.unlink()
    alone = await open_root_keys(file, store.vault, secrets.token_bytes, service.keys)
    assert not file.path.exists(), "no file is made beside a service"
    opened = [await vault(alone).open("acme", bytes([who]), "note:1", one) for who, one in enumerate(sealed)]
    assert opened == [b"a payload"] * 3
    service.running.sealed = True
    with pytest.raises(Unrecorded):
        await open_root_keys(file, store.vault, secrets.token_bytes, service.keys)
