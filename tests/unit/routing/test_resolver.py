"""The resolver over a real client of a Telco Finder, whose other end is a function."""

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from broker.adapter_kit.transport import WireRequest, WireResponse, scripted_transport
from broker.domain.phone import PhoneNumber
from broker.domain.route import NETWORK_NOT_SERVED, UNROUTABLE, Route, RouteBasis
from broker.domain.tenancy import OperatorLists
from broker.routing.networks import Network, Networks
from broker.routing.ranges import Range, RangeTable
from broker.routing.resolver import Enquiry, Resolver, RoutingLimits
from broker.routing.router import Router
from broker.routing.telco_finder import FinderSettings, TelcoFinder
from tests.support.clocks import HandClock
from tests.support.contracts import contracts
from tests.support.turns import settle, until

VEGA, LYRA = Network("vega", "ES", ("vega",)), Network("lyra", "ES", ("lyra",))
RANGES = RangeTable(
    [(Range("ES", portable=True, holder="Vega"), ["34600"]), (Range("CU", portable=False, holder="Vega"), ["535"])]
)
NETWORKS = Networks(
    {"vega": VEGA, "lyra": LYRA},
    {"vega-es": VEGA, "lyra-es": LYRA},
    {("ES", "Vega"): VEGA, ("CU", "Vega"): VEGA},
)
# Initech has a contract of its own with Vega.
CONTRACTS = contracts(vega={}, lyra={}, own={"tenants": ["initech"], "in_place_of": "vega"})
GUESS = Route(RouteBasis.RANGE, "vega", "ES", ("vega",))
MOVED = Route(RouteBasis.FINDER, "lyra", "ES", ("lyra",))


class PretendFinder:
    """Grants tokens, and answers searches as ``says`` says: by mode, an operator's id or an error."""

    def __init__(self, **says: Any) -> None:
        self.says = says
        self.searches: list[dict[str, Any]] = []
        self.gate: asyncio.Event | None = None
        self.refuse_tokens = 0

    async def __call__(self, request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            body = {"access_token": "t", "token_type": "Bearer", "expires_in": 600}
            return WireResponse(200, {}, json.dumps(body).encode())
        asked = json.loads(request.body)
        self.searches.append(asked)
        if self.gate is not None:
            await self.gate.wait()
        if self.refuse_tokens:
            self.refuse_tokens -= 1
            return WireResponse(401, {}, b'{"status":401,"code":"UNAUTHENTICATED","message":""}')
        said = self.says.get(asked["portabilitySearchMode"], (404, "IDENTIFIER_NOT_FOUND"))
        if isinstance(said, str):
            return WireResponse(200, {}, json.dumps({"operatorId": said, "apiRoot": "https://evil.example"}).encode())
        if isinstance(said, bytes):
            return WireResponse(200, {}, said)
        status, code = said
        return WireResponse(status, {}, json.dumps({"status": status, "code": code, "message": "x"}).encode())


class Bench:
    """A resolver, its clock and its finder."""

    def __init__(self, finder: PretendFinder | None, prefixes: dict[str, str] | None = None, **limits: Any) -> None:
        self.clock = HandClock()
        settings = FinderSettings.model_validate(
            {
                "base_url": "https://finder.example",
                "token_url": "https://finder.example/token",
                "client_id": "us",
                "client_auth": "basic",
                "client_secret": {"env": "PATH"},
            }
        )
        client = finder and TelcoFinder(settings, scripted_transport(finder), self.clock, Random(1))
        router = Router(prefixes or {}, NETWORKS, RANGES)
        self.resolver = Resolver(router, client or None, RoutingLimits(**limits), self.clock, CONTRACTS)

    async def look_up(self, enquiry: Enquiry) -> Route:
        return await self.resolver.look_up(enquiry, self.known(enquiry), deadline_s=self.clock.monotonic_s() + 5)

    async def look_again(self, enquiry: Enquiry, wrong: Route = GUESS) -> Route | None:
        return await self.resolver.look_again(enquiry, wrong, deadline_s=self.clock.monotonic_s() + 5)

    def known(self, enquiry: Enquiry) -> Route:
        return self.resolver.known(enquiry).route


def enquiry(
    number: str = "+34600000101", tenant: str = "acme", subject: bytes = b"s", lists: OperatorLists = ()
) -> Enquiry:
    return Enquiry(tenant, subject, PhoneNumber(number), "FraudPreventionAndDetection", "c", lists)


@pytest.mark.parametrize(
    ("number", "prefixes", "first", "asks"),
    [
        ("+34600000101", {}, "portable", True),
        ("+34600000101", {"+34600": "vega"}, "portable", False),
        ("+34600000101", {}, "never", False),
        ("+5351234567", {}, "portable", False),
        ("+9991234567", {}, "portable", True),
    ],
    ids=["a guess", "an override", "never first", "numbers stay", "nobody's range"],
)
def test_a_finder_is_asked_first_where_a_range_is_a_guess(
    number: str, prefixes: dict[str, str], first: str, asks: bool
) -> None:
    assert Bench(PretendFinder(), prefixes, first=first).resolver.known(enquiry(number)).ask_first is asks
    assert not Bench(None, prefixes, first=first).resolver.known(enquiry(number)).ask_first


async def test_a_quick_search_is_remembered_for_its_time_and_its_tenant() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="lyra-es"), shallow_ttl_s=60)
    assert await bench.look_up(enquiry()) == MOVED
    remembered = msgspec.structs.replace(MOVED, remembered=True)
    assert bench.resolver.known(enquiry()).route == remembered
    assert not bench.resolver.known(enquiry()).ask_first
    assert bench.resolver.known(enquiry(tenant="globex")).ask_first
    assert bench.resolver.known(enquiry(subject=b"t")).ask_first
    bench.clock.advance(60)
    assert bench.resolver.known(enquiry()).ask_first
    (search,) = finder.searches
    assert search == {
        "target": {"phoneNumber": "+34600000101"},
        "portabilitySearchMode": "SHALLOW",
        "includeApiRoot": False,
        "includeAuthProviderConfiguration": False,
    }


@pytest.mark.parametrize(
    "said",
    [
        (503, "UNAVAILABLE"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (400, "INVALID_ARGUMENT"),
        (429, "TOO_MANY_REQUESTS"),
        b"<html>",
        b'{"operatorId": 7}',
        b'{"operatorId": ""}',
        b'{"operatorId": "\\u0000"}',
        b'{"operatorId": "a", "operatorId": "lyra-es"}',
        b'{"operatorId": "' + b"a" * 101 + b'"}',
    ],
    ids=str,
)
async def test_a_finder_without_a_usable_answer_leaves_us_with_the_tables(said: Any) -> None:
    bench = Bench(PretendFinder(SHALLOW=said, DEEP=said))
    assert await bench.look_up(enquiry()) == GUESS
    assert await bench.look_again(enquiry()) is None
    assert bench.resolver.known(enquiry()).ask_first


async def test_a_network_that_takes_no_part_or_is_not_ours_is_not_served() -> None:
    not_served = Route(RouteBasis.FINDER, None, "ES", (), NETWORK_NOT_SERVED)
    assert await Bench(PretendFinder(SHALLOW=(422, "SERVICE_NOT_APPLICABLE"))).look_up(enquiry()) == not_served
    assert await Bench(PretendFinder(SHALLOW="some-mvno")).look_up(enquiry()) == not_served


async def test_a_number_that_the_finder_does_not_know_stays_with_the_tables_for_a_while() -> None:
    bench = Bench(finder := PretendFinder(), unknown_ttl_s=30)
    assert await bench.look_up(enquiry()) == GUESS
    assert (await bench.look_up(enquiry("+9991234567", subject=b"x"))).code == UNROUTABLE
    assert not bench.resolver.known(enquiry()).ask_first
    bench.clock.advance(30)
    assert bench.resolver.known(enquiry()).ask_first
    assert len(finder.searches) == 2


async def test_a_moved_number_is_searched_for_deeply_once_and_remembered() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="vega-es", DEEP="lyra-es"))
    found = await bench.look_again(enquiry())
    assert found == msgspec.structs.replace(MOVED, by=RouteBasis.FINDER_DEEP)
    known = bench.known(enquiry())
    assert (known.sources, known.by, known.remembered) == (("lyra",), RouteBasis.FINDER_DEEP, True)
    assert await bench.look_again(enquiry(), known) is None
    assert [search["portabilitySearchMode"] for search in finder.searches] == ["DEEP"]


@pytest.mark.parametrize("says", ["vega-es", (404, "IDENTIFIER_NOT_FOUND")], ids=["the same", "nobody"])
async def test_that_nothing_better_is_known_is_remembered_too(says: Any) -> None:
    bench = Bench(finder := PretendFinder(DEEP=says))
    assert await bench.look_again(enquiry()) is None
    known = bench.known(enquiry())
    assert (known.sources, known.by) == (("vega",), RouteBasis.FINDER_DEEP)
    assert await bench.look_again(enquiry(), known) is None
    assert len(finder.searches) == 1


async def test_without_a_finder_nothing_is_searched() -> None:
    bench = Bench(None)
    assert await bench.look_up(enquiry()) == GUESS
    assert await bench.look_again(enquiry()) is None


async def test_a_herd_makes_one_search_and_who_leaves_does_not_end_it() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="lyra-es"))
    finder.gate = asyncio.Event()
    tasks = [asyncio.create_task(bench.look_up(enquiry())) for _ in range(100)]
    await until(lambda: finder.searches)
    tasks[0].cancel()
    finder.gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert done[1:] == [MOVED] * 99
    assert len(finder.searches) == 1


async def test_searches_under_way_and_memory_are_bounded() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="lyra-es"), searches_in_flight_max=3, entries_max=2)
    finder.gate = asyncio.Event()
    tasks = [asyncio.create_task(bench.look_up(enquiry(subject=bytes([place])))) for place in range(9)]
    await until(lambda: len(finder.searches) >= 3)
    await settle()
    assert len(finder.searches) == 3
    finder.gate.set()
    routes = await asyncio.gather(*tasks)
    assert [route == MOVED for route in routes] == [True] * 3 + [False] * 6
    assert len(bench.resolver._remembered) == 2


async def test_three_failures_in_a_row_and_it_is_left_alone_for_a_while() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW=(503, "UNAVAILABLE")))
    for place in range(10):
        await bench.look_up(enquiry(subject=bytes([place])))
    assert len(finder.searches) == 3
    bench.clock.advance(5)
    finder.says["SHALLOW"] = "lyra-es"
    assert await bench.look_up(enquiry()) == MOVED


async def test_a_refused_token_is_renewed_once() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="lyra-es"))
    finder.refuse_tokens = 1
    assert await bench.look_up(enquiry()) == MOVED
    finder.refuse_tokens = 2
    assert await bench.look_up(enquiry(subject=b"t")) == GUESS


async def test_closing_gives_up_what_is_under_way() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="lyra-es"))
    finder.gate = asyncio.Event()
    waiting = asyncio.create_task(bench.look_up(enquiry()))
    await until(lambda: finder.searches)
    await bench.resolver.aclose()
    assert await waiting == GUESS


async def test_a_contract_is_asked_wherever_its_operator_would_be_and_memory_keeps_what_is_true() -> None:
    bench = Bench(finder := PretendFinder(SHALLOW="lyra-es", DEEP="vega-es"))
    ours = enquiry(tenant="initech.shop")
    assert bench.known(ours).sources == ("own",)
    assert (await bench.look_up(ours)).sources == ("lyra",)
    again = await bench.look_again(ours, bench.known(ours))
    assert again is not None
    assert again.sources == bench.known(ours).sources == ("own",)
    assert bench.resolver.found_deep(ours) == bench.known(ours)
    # The same way under another contract is no other way.
    bench.resolver.forget("initech.shop", b"s")
    assert await bench.look_again(ours, bench.known(ours)) is None
    assert len(finder.searches) == 3


async def test_who_may_use_nobody_is_routed_nowhere_and_no_finder_hears_of_it() -> None:
    bench = Bench(PretendFinder(SHALLOW="lyra-es"))
    none = enquiry(lists=(frozenset(),))
    standing = bench.resolver.known(none)
    assert (standing.route.sources, standing.route.code, standing.ask_first) == ((), NETWORK_NOT_SERVED, False)
    assert bench.resolver.anywhere(none) == ()


async def test_a_list_is_looked_at_each_time() -> None:
    bench = Bench(PretendFinder(SHALLOW="lyra-es"))
    vega, lyra = ((frozenset({name}),) for name in ("vega", "lyra"))
    refused = await bench.look_up(enquiry(lists=vega))
    assert (refused.network, refused.sources, refused.code) == ("lyra", (), NETWORK_NOT_SERVED)
    assert bench.known(enquiry(lists=vega)).code == NETWORK_NOT_SERVED
    assert bench.known(enquiry(lists=lyra)).sources == bench.known(enquiry()).sources == ("lyra",)


def mutated(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "base_url": "https://finder.example",
        "token_url": "https://finder.example/token",
        "client_id": "us",
        "client_secret": {"env": "X"},
        "client_auth": "basic",
    }
    change(fields)
    return fields


@pytest.mark.parametrize(
    "fields",
    [
        mutated(lambda fields: fields.update(base_url="http://finder.example")),
        mutated(lambda fields: fields.update(client_auth="private_key_jwt")),
        mutated(lambda fields: fields.pop("client_secret")),
        mutated(lambda fields: fields.update(path="search")),
        mutated(lambda fields: fields.update(follow_api_root=True)),
    ],
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        FinderSettings.model_validate(fields)
