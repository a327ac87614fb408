import asyncio
import itertools

import msgspec
import pytest

from broker.consumers import authorize, keys
from broker.consumers.authenticate import Authenticator
from broker.domain.check import Principal
from broker.errors import NotAuthenticated, NotPermitted
from broker.storage.records import ApiKey
from tests.support.clocks import NOON, HandClock

COUNTER = itertools.count()
NOW_MS = int(NOON.timestamp() * 1000)


def some_bytes(length: int) -> bytes:
    return next(COUNTER).to_bytes(length, "big")


class Shelf:
    """Keys in a dictionary; counts how often it is asked."""

    def __init__(self, *stored: ApiKey) -> None:
        self.stored = {key.key_id: key for key in stored}
        self.asked = 0

    async def find_key(self, key_id: str) -> ApiKey | None:
        self.asked += 1
        return self.stored.get(key_id)


MINTED = keys.mint(some_bytes)
STORED = ApiKey("acme", MINTED.key_id, "shop", "till", MINTED.secret_hash, ("trust:check",), NOW_MS)


async def test_a_good_key_names_its_principal() -> None:
    authenticate = Authenticator(Shelf(STORED), HandClock())
    principal = await authenticate(f"Bearer {MINTED.token}")
    assert principal == Principal("acme", "shop", "till", frozenset({"trust:check"}), MINTED.key_id)


BAD_HEADERS = {
    "none": None,
    "empty": "",
    "no scheme": MINTED.token,
    "basic": f"Basic {MINTED.token}",
    "no token": "Bearer ",
    "other secret": f"Bearer {MINTED.token[:-1]}{'A' if MINTED.token[-1] != 'A' else 'B'}",
    "unknown id": "Bearer tb_" + "a" * 16 + "_" + "b" * 43,
    "no key at all": "Bearer hello",
    "two tokens": f"Bearer {MINTED.token} {MINTED.token}",
    "newline": f"Bearer {MINTED.token}\n",
    "not ASCII": "Bearer tb_é",
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
async def test_anything_else_is_refused(header: str | None) -> None:
    with pytest.raises(NotAuthenticated):
        await Authenticator(Shelf(STORED), HandClock())(header)


@pytest.mark.parametrize("change", [{"revoked_ms": NOW_MS - 1}, {"expires_ms": NOW_MS}], ids=["revoked", "expired"])
async def test_a_key_that_is_over_is_refused(change: dict[str, int]) -> None:
    shelf = Shelf(msgspec.structs.replace(STORED, **change))
    with pytest.raises(NotAuthenticated):
        await Authenticator(shelf, HandClock())(f"Bearer {MINTED.token}")


async def test_revoking_bites_within_the_memory_time() -> None:
    shelf, clock = Shelf(STORED), HandClock()
    authenticate = Authenticator(shelf, clock, memory_s=5)
    header = f"Bearer {MINTED.token}"
    for _ in range(3):
        await authenticate(header)
    assert shelf.asked == 1
    shelf.stored[MINTED.key_id] = msgspec.structs.replace(STORED, revoked_ms=NOW_MS)
    clock.advance(5.1)
    with pytest.raises(NotAuthenticated):
        await authenticate(header)


async def test_a_herd_with_one_key_is_one_look_up_and_who_leaves_does_not_end_it() -> None:
    shelf = Shelf(STORED)
    authenticate = Authenticator(shelf, HandClock())
    herd = [asyncio.create_task(authenticate(f"Bearer {MINTED.token}")) for _ in range(1000)]
    await asyncio.sleep(0)
    herd[0].cancel()
    found = await asyncio.gather(*herd, return_exceptions=True)
    assert all(isinstance(principal, Principal) for principal in found[1:])
    assert shelf.asked == 1


async def test_a_herd_with_a_bad_key_is_refused_and_nothing_is_remembered() -> None:
    shelf = Shelf()
    authenticate = Authenticator(shelf, HandClock())
    for looks in (1, 2):
        found = await asyncio.gather(
            *(authenticate(f"Bearer {MINTED.token}") for _ in range(9)), return_exceptions=True
        )
        assert all(isinstance(refusal, NotAuthenticated) for refusal in found)
        assert shelf.asked == looks


async def test_the_memory_is_bounded() -> None:
    minted = [keys.mint(some_bytes) for _ in range(5)]
    shelf = Shelf(*(msgspec.structs.replace(STORED, key_id=key.key_id, secret_hash=key.secret_hash) for key in minted))
    authenticate = Authenticator(shelf, HandClock(), entries_max=2)
    for key in minted * 2:
        await authenticate(f"Bearer {key.token}")
    assert shelf.asked == 10


def test_minted_keys_differ_and_keep_their_secret_out_of_what_is_stored() -> None:
    one, two = keys.mint(some_bytes), keys.mint(some_bytes)
    assert one.token != two.token
    secret = one.token.rpartition("_")[2]
    assert secret.encode() not in one.secret_hash


def test_a_missing_scope_is_named() -> None:
    principal = Principal("acme", "shop", None, frozenset(), "k")
    with pytest.raises(NotPermitted, match="trust:check"):
        authorize.require(principal, authorize.CHECK)
