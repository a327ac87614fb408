"""Which network serves a number: routing files, a Telco Finder where there is one, and what both remember."""

from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom

from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.transport import TransportLimits, open_transport
from broker.clock import Clock
from broker.operators.contracts import Contracts, routed
from broker.routing.resolver import Resolver, RoutingLimits
from broker.routing.router import open_router
from broker.routing.telco_finder import FinderSettings, TelcoFinder, load_finder
from broker.settings import Settings


def open_finder(folder: Path, settings: Settings) -> FinderSettings | None:
    """The finder of this deployment."""
    name = settings.routing.finder
    return load_finder(folder / "routing" / name) if name else None


def open_resolver(
    folder: Path,
    settings: Settings,
    clock: Clock,
    operators: Mapping[str, OperatorSettings],
    contracts: Contracts,
    finder: FinderSettings | None,
) -> Resolver:
    """Who serves which number, among these operators."""
    routing = settings.routing
    limits = RoutingLimits(first=routing.finder_first, **routing.model_dump(exclude={"finder", "finder_first"}))
    client = None
    if finder is not None:
        transport = open_transport(settings.http.client, TransportLimits())
        client = TelcoFinder(finder, transport, clock, SystemRandom())
    router = open_router(folder / "routing", routed(operators))
    return Resolver(router, client, limits, clock, contracts)
