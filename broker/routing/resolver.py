"""Where to ask about a number: from the tables, from memory, or from a Telco Finder, and anew when that was wrong."""

import asyncio
from collections import OrderedDict
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.clock import Clock
from broker.domain.phone import PhoneNumber
from broker.domain.route import NETWORK_NOT_SERVED, Route, RouteBasis
from broker.domain.signal import Unavailability
from broker.domain.tenancy import SANDBOX, OperatorLists, is_sandbox
from broker.operators.contracts import Contracts
from broker.routing.router import Router
from broker.routing.telco_finder import Search, TelcoFinder

_Key = tuple[str, bytes]


class RoutingLimits(msgspec.Struct, frozen=True):
    """When a finder is asked before anybody else, and for how long and how many of its answers are remembered.

    ``first`` is *portable*: where a range is only a guess; or *never*: only after an operator did not know a number.
    """

    first: Literal["portable", "never"] = "portable"
    shallow_ttl_s: float = 3600.0
    deep_ttl_s: float = 86_400.0
    unknown_ttl_s: float = 600.0
    entries_max: int = 50_000
    searches_in_flight_max: int = 64


class Enquiry(msgspec.Struct, frozen=True):
    """A number, for whom, and why. ``subject`` is the tenant's pseudonym, so that memory holds no number.

    ``lists`` are those that an operator must be on to be asked for this tenant.
    """

    tenant: str
    subject: bytes
    phone: PhoneNumber
    purpose: str
    correlator: str
    lists: OperatorLists


class Standing(msgspec.Struct, frozen=True):
    """What is known without asking; ``ask_first`` where a finder knows better."""

    route: Route
    ask_first: bool = False


class Resolver:
    """Routes of a deployment. What is remembered is remembered for one tenant: another must not feel what it asked."""

    def __init__(
        self,
        router: Router,
        finder: TelcoFinder | None,
        limits: RoutingLimits,
        clock: Clock,
        contracts: Contracts,
    ) -> None:
        """``router`` knows neither the sandbox nor contracts; what is remembered is what it and the finder say."""
        self._router = router
        self._contracts = contracts
        self._finder = finder
        self._limits = limits
        self._clock = clock
        self._remembered: OrderedDict[_Key, tuple[Route, float]] = OrderedDict()
        self._searches: dict[tuple[_Key, bool], asyncio.Task[Route]] = {}

    def known(self, enquiry: Enquiry) -> Standing:
        """The route from memory or the tables, at once; in the sandbox all numbers lead to its own operators."""
        if is_sandbox(enquiry.tenant):
            return Standing(self._to_sandbox(enquiry))
        remembered = self._recall(enquiry)
        if remembered is not None:
            return Standing(self._for_tenant(enquiry, remembered))
        route = self._router.route(enquiry.phone)
        guess = route.by in {RouteBasis.RANGE, RouteBasis.NONE} and self._router.portable(enquiry.phone)
        first = guess and self._finder is not None and self._limits.first == "portable"
        # Defensive: where nobody may be asked whatever a finder says, it need not hear of the number.
        return Standing(self._for_tenant(enquiry, route), ask_first=first and bool(self.anywhere(enquiry)))

    def anywhere(self, enquiry: Enquiry) -> tuple[str, ...]:
        """Everybody to whom a route of this tenant can lead."""
        return self._contracts.all_of(enquiry.tenant, enquiry.lists)

    def found_deep(self, enquiry: Enquiry) -> Route | None:
        """The authoritative route, where one was looked for and is remembered; the tables are not asked."""
        remembered = self._recall(enquiry)
        if remembered is None or remembered.by is not RouteBasis.FINDER_DEEP:
            return None
        return self._for_tenant(enquiry, remembered)

    async def look_up(self, enquiry: Enquiry, guess: Route, *, deadline_s: float) -> Route:
        """The finder's quick answer; the guess where it has none in time, for what the tables say needs nobody."""
        route = await self._search(enquiry, deadline_s, deep=False)
        return guess if route is None else self._for_tenant(enquiry, route)

    async def look_again(self, enquiry: Enquiry, wrong: Route, *, deadline_s: float) -> Route | None:
        """Another route for a number that the operators of ``wrong`` do not know; ``None`` where there is none.

        The authoritative answer is asked for once and remembered, also where it is that nothing better is known.
        """
        # Defensive: a finder is an operator's, and hears of no number that somebody plays with.
        if self._finder is None or wrong.by is RouteBasis.FINDER_DEEP or is_sandbox(enquiry.tenant):
            return None
        found = await self._search(enquiry, deadline_s, deep=True)
        if found is None:
            return None
        route = self._for_tenant(enquiry, found)
        return None if (route.sources, route.code) == (wrong.sources, wrong.code) else route

    def forget(self, tenant: str, subject: bytes) -> None:
        """Drop the route of a subject."""
        self._remembered.pop((tenant, subject), None)

    async def aclose(self) -> None:
        """Give up searches and the finder's connections."""
        tasks = tuple(self._searches.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._finder is not None:
            await self._finder.aclose()

    def _to_sandbox(self, enquiry: Enquiry) -> Route:
        country, sources = self._router.route(enquiry.phone).country, self.anywhere(enquiry)
        if not sources:
            return Route(RouteBasis.NONE, country=country, code=NETWORK_NOT_SERVED)
        return Route(RouteBasis.OVERRIDE, SANDBOX, country, sources)

    def _for_tenant(self, enquiry: Enquiry, route: Route) -> Route:
        """The route under this tenant's contracts. Where it has none with the network, that is not served to it."""
        sources = self._contracts.asked(route.sources, enquiry.tenant, enquiry.lists)
        if sources == route.sources:
            return route
        return msgspec.structs.replace(route, sources=sources, code=None if sources else NETWORK_NOT_SERVED)

    async def _search(self, enquiry: Enquiry, deadline_s: float, *, deep: bool) -> Route | None:
        """One search for all who want the same; it has its own time and outlives whoever started it."""
        key = (_key(enquiry), deep)
        task = self._searches.get(key)
        if task is None:
            if self._finder is None or len(self._searches) >= self._limits.searches_in_flight_max:
                return None
            task = asyncio.create_task(self._ask(self._finder, enquiry, deep=deep))
            self._searches[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        await asyncio.wait((task,), timeout=max(0.0, deadline_s - self._clock.monotonic_s()))
        return task.result() if task.done() and not task.cancelled() and task.exception() is None else None

    def _forget(self, key: tuple[_Key, bool], done: "asyncio.Task[Route]") -> None:
        self._searches.pop(key, None)
        if not done.cancelled():
            done.exception()  # everybody may have stopped waiting; asyncio would complain about a lost exception

    async def _ask(self, finder: TelcoFinder, enquiry: Enquiry, *, deep: bool) -> Route:
        """The route that the finder's answer means, remembered.

        Raises:
            OperatorFault: the finder gave no usable answer.
        """
        by = RouteBasis.FINDER_DEEP if deep else RouteBasis.FINDER
        known = self._recall(enquiry) or self._router.route(enquiry.phone)
        ttl_s = self._limits.deep_ttl_s if deep else self._limits.shallow_ttl_s
        try:
            found = await finder.search(Search(enquiry.phone, deep, enquiry.purpose, enquiry.correlator))
            route = self._router.towards(found, by, enquiry.phone)
        except OperatorFault as fault:
            if fault.reason is Unavailability.NOT_APPLICABLE:
                route = Route(by, country=known.country, code=NETWORK_NOT_SERVED)
            elif fault.reason is Unavailability.UNKNOWN_SUBSCRIBER:
                # Nothing better is known than what is in the tables, and soon asking again would tell no more.
                route, ttl_s = msgspec.structs.replace(known, by=by if deep else known.by), self._limits.unknown_ttl_s
            else:
                raise
        self._remember(enquiry, route, ttl_s)
        return route

    def _remember(self, enquiry: Enquiry, route: Route, ttl_s: float) -> None:
        key = _key(enquiry)
        self._remembered[key] = (
            msgspec.structs.replace(route, remembered=True),
            self._clock.monotonic_s() + ttl_s,
        )
        self._remembered.move_to_end(key)
        while len(self._remembered) > self._limits.entries_max:
            self._remembered.popitem(last=False)

    def _recall(self, enquiry: Enquiry) -> Route | None:
        route, until_s = self._remembered.get(_key(enquiry), (None, 0.0))
        if route is not None and self._clock.monotonic_s() >= until_s:
            del self._remembered[_key(enquiry)]
            return None
        return route


def _key(enquiry: Enquiry) -> _Key:
    return (enquiry.tenant, enquiry.subject)
