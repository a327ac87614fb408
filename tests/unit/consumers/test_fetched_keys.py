"""Keys at addresses that clients name: asked for rarely, whoever asks for what, and believed no longer than said."""

import asyncio
import json
from collections import Counter

import pytest
from joserfc.jwk import ECKey

from broker.adapter_kit.transport import WireRequest, WireResponse, scripted_transport
from broker.consumers.fetched_keys import FetchedKeys, FetchLimits
from broker.consumers.jose import TokenRefused
from broker.errors import Overloaded
from tests.support.clocks import HandClock
from tests.support.oauth import jwks

URL = "https://keys.example/set"
LIMITS = FetchLimits(fresh_s=300, again_s=60, stale_s=3600, entries_max=2, in_flight_max=1)


class Address:
    """Plays the addresses: what is there now, and how often each was asked."""

    def __init__(self) -> None:
        self.text = jwks(ECKey.generate_key("P-256"))
        self.status = 200
        self.asked: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()

    async def answer(self, request: WireRequest) -> WireResponse:
        self.asked[request.url] += 1
        await self.open.wait()
        return WireResponse(self.status, {}, self.text.encode())


@pytest.fixture
def address() -> Address:
    return Address()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def fetched(address: Address, clock: HandClock) -> FetchedKeys:
    return FetchedKeys(scripted_transport(address.answer), clock, LIMITS)


async def kid_of(fetched: FetchedKeys, kid: object = None, tenant: str = "acme") -> str | None:
    (key,) = await fetched.of(tenant, URL, kid)
    return key.kid


async def test_keys_are_asked_for_once_and_again_when_they_are_old(
    fetched: FetchedKeys, address: Address, clock: HandClock
) -> None:
    first = await kid_of(fetched)
    address.text = jwks(ECKey.generate_key("P-256"))
    assert await kid_of(fetched, first) == first
    assert address.asked.total() == 1
    clock.advance(301)
    assert await kid_of(fetched, first) != first
    assert address.asked.total() == 2


async def test_a_name_that_is_unknown_has_the_address_asked_once_in_a_while(
    fetched: FetchedKeys, address: Address, clock: HandClock
) -> None:
    first = await kid_of(fetched)
    address.text = jwks(new := ECKey.generate_key("P-256"))
    for made_up in ("one", "two", 3, ["four"]):
        assert await kid_of(fetched, made_up) == first
    assert address.asked.total() == 1
    clock.advance(61)
    assert await kid_of(fetched, new.thumbprint()) == new.thumbprint()
    for made_up in ("five", "six"):
        await kid_of(fetched, made_up)
    assert address.asked.total() == 2


@pytest.mark.parametrize("trouble", ["status", "no JSON", "no keys", "private"])
async def test_what_was_there_goes_on_for_a_while_where_asking_fails(
    fetched: FetchedKeys, address: Address, clock: HandClock, trouble: str
) -> None:
    first = await kid_of(fetched)
    private = json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]})
    address.status = 500 if trouble == "status" else 200
    address.text = {"no JSON": "<html>", "no keys": "{}", "private": private}.get(trouble, "{}")
    clock.advance(3599)
    assert await kid_of(fetched) == first
    clock.advance(2)
    with pytest.raises(TokenRefused):
        await kid_of(fetched)


async def test_an_address_without_keys_is_not_asked_for_each_assertion(
    fetched: FetchedKeys, address: Address, clock: HandClock
) -> None:
    address.status = 404
    for _ in range(5):
        with pytest.raises(TokenRefused):
            await kid_of(fetched)
    assert address.asked.total() == 1
    address.status = 200
    clock.advance(61)
    assert await kid_of(fetched)


async def test_all_who_wait_for_the_same_keys_are_one_question_and_too_many_others_are_none(
    fetched: FetchedKeys, address: Address
) -> None:
    address.open.clear()
    waiting = [asyncio.create_task(kid_of(fetched)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await kid_of(fetched, tenant="globex")
    address.open.set()
    assert len(set(await asyncio.gather(*waiting))) == 1
    assert address.asked.total() == 1
    await kid_of(fetched, tenant="globex")
    assert address.asked.total() == 2  # what one tenant fetched is none of another's


async def test_no_more_addresses_are_remembered_than_may_be(fetched: FetchedKeys, address: Address) -> None:
    for tenant in ("acme", "globex", "initech", "acme"):
        await kid_of(fetched, tenant=tenant)
    assert address.asked.total() == 4
