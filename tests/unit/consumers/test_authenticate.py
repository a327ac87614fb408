import asyncio
import itertools

import msgspec
import pytest

from broker.consumers import authorize, keys
from broker.consumers.authenticate import Authenticator, AuthenticatorLimits
from broker.domain.check import Principal
from broker.errors import NotAuthenticated, NotPermitted, Overloaded
from broker.storage.records import ApiKey
from tests.support.clocks import NOON, HandClock

COUNTER = itertools.count()
SEALING = b"a sealing key"
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


MINTED = keys.mint(some_bytes, SEALING)
STORED = ApiKey("acme", MINTED.key_id, "shop", "till", MINTED.secret_hash, ("trust:check",), NOW_MS)


async def test_a_good_key_names_its_principal() -> None:
    authenticate = Authenticator(Shelf(STORED), HandClock(), SEALING)
    principal = await authenticate(f"Bearer {MINTED.token}")
    assert principal == Principal("acme", "shop", "till", frozenset({"trust:check"}), MINTED.key_id)


BAD_HEADERS = {
    "none": None,
    "empty": "",
    "no scheme": MINTED.token,
    "basic": f"Basic {MINTED.token}",
    "no token": "Bearer ",
    "other secret": f"Bearer {MINTED.token[:-1]}{'A' if MINTED.token[-1] != 'A' else 'B'}",
    "unknown id": f"Bearer {keys.mint(some_bytes, SEALING).token}",
    "made up": "Bearer tb_" + "a" * 16 + "_" + "b" * 51,
    "sealed elsewhere": f"Bearer {keys.mint(some_bytes, b'other').token}",
    "no key at all": "Bearer hello",
    "two tokens": f"Bearer {MINTED.token} {MINTED.token}",
    "newline": f"Bearer {MINTED.token}\n",
    "not ASCII": "Bearer tb_é",
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
async def test_anything_else_is_refused(header: str | None) -> None:
    with pytest.raises(NotAuthenticated):
        await Authenticator(Shelf(STORED), HandClock(), SEALING)(header)


@pytest.mark.parametrize("change", [{"revoked_ms": NOW_MS - 1}, {"expires_ms": NOW_MS}], ids=["revoked", "expired"])
async def test_a_key_that_is_over_is_refused(change: dict[str, int]) -> None:
    shelf = Shelf(msgspec.structs.replace(STORED, **change))
    with pytest.raises(NotAuthenticated):
        await Authenticator(shelf, HandClock(), SEALING)(f"Bearer {MINTED.token}")


async def test_revoking_bites_within_the_memory_time() -> None:
    shelf, clock = Shelf(STORED), HandClock()
    authenticate = Authenticator(shelf, clock, SEALING, AuthenticatorLimits(memory_s=5))
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
    authenticate = Authenticator(shelf, HandClock(), SEALING)
    herd = [asyncio.create_task(authenticate(f"Bearer {MINTED.token}")) for _ in range(1000)]
    await asyncio.sleep(0)
    herd[0].cancel()
    found = await asyncio.gather(*herd, return_exceptions=True)
    assert all(isinstance(principal, Principal) for principal in found[1:])
    assert shelf.asked == 1


async def test_a_herd_with_a_bad_key_is_refused_and_nothing_is_remembered() -> None:
    shelf = Shelf()
    authenticate = Authenticator(shelf, HandClock(), SEALING)
    for looks in (1, 2):
        found = await asyncio.gather(
            *(authenticate(f"Bearer {MINTED.token}") for _ in range(9)), return_exceptions=True
        )
        assert all(isinstance(refusal, NotAuthenticated) for refusal in found)
        assert shelf.asked == looks


async def test_the_memory_is_bounded() -> None:
    minted = [keys.mint(some_bytes, SEALING) for _ in range(5)]
    shelf = Shelf(*(msgspec.structs.replace(STORED, key_id=key.key_id, secret_hash=key.secret_hash) for key in minted))
    authenticate = Authenticator(shelf, HandClock(), SEALING, AuthenticatorLimits(entries_max=2))
    for key in minted * 2:
        await authenticate(f"Bearer {key.token}")
    assert shelf.asked == 10


MADE_UP = {
    "shape": "tb_" + "a" * 16 + "_" + "b" * 51,
    "seal of another broker": keys.mint(some_bytes, b"other").token,
    "seal of another key": MINTED.token[:-8] + keys.mint(some_bytes, SEALING).token[-8:],
    "changed secret": MINTED.token[:-9] + ("A" if MINTED.token[-9] != "A" else "B") + MINTED.token[-8:],
    "changed id": "tb_" + "b" * 16 + MINTED.token[19:],
}


@pytest.mark.parametrize("token", MADE_UP.values(), ids=MADE_UP.keys())
async def test_a_made_up_key_costs_no_look_up(token: str) -> None:
    shelf = Shelf(STORED)
    with pytest.raises(NotAuthenticated):
        await Authenticator(shelf, HandClock(), SEALING)(f"Bearer {token}")
    assert shelf.asked == 0


async def test_look_ups_have_a_bound_of_their_own() -> None:
    class Slow(Shelf):
        async def find_key(self, key_id: str) -> ApiKey | None:
            self.asked += 1
            if self.asked == 2:
                both.set()
            await go_on.wait()
            return self.stored.get(key_id)

    both, go_on = asyncio.Event(), asyncio.Event()
    shelf = Slow(STORED)
    authenticate = Authenticator(shelf, HandClock(), SEALING, AuthenticatorLimits(look_ups_max=2))
    tokens = [MINTED.token, *(keys.mint(some_bytes, SEALING).token for _ in range(2))]
    waiting = [asyncio.create_task(authenticate(f"Bearer {token}")) for token in tokens[:2]]
    await both.wait()
    with pytest.raises(Overloaded):
        await authenticate(f"Bearer {tokens[2]}")
    go_on.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in found] == [Principal, NotAuthenticated]
    await authenticate(f"Bearer {MINTED.token}")


async def test_no_memory_outlasts_a_key() -> None:
    clock = HandClock()
    shelf = Shelf(msgspec.structs.replace(STORED, expires_ms=NOW_MS + 1_000))
    authenticate = Authenticator(shelf, clock, SEALING, AuthenticatorLimits(memory_s=5))
    await authenticate(f"Bearer {MINTED.token}")
    clock.advance(1.1)
    with pytest.raises(NotAuthenticated):
        await authenticate(f"Bearer {MINTED.token}")


def test_minted_keys_differ_and_keep_their_secret_out_of_what_is_stored() -> None:
    one, two = keys.mint(some_bytes, SEALING), keys.mint(some_bytes, SEALING)
    assert one.token != two.token
    secret = one.token.rpartition("_")[2]
    assert secret.encode() not in one.secret_hash


def test_a_missing_scope_is_named() -> None:
    principal = Principal("acme", "shop", None, frozenset(), "k")
    with pytest.raises(NotPermitted, match="trust:check"):
        authorize.require(principal, authorize.CHECK)
