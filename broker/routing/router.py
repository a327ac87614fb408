"""What follows from a number alone, and from a network's name: overrides first, then the ranges of the world."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from broker.adapter_kit.toml_files import read_toml
from broker.domain.phone import PhoneNumber
from broker.domain.route import NETWORK_NOT_SERVED, UNROUTABLE, Route, RouteBasis
from broker.errors import Misconfigured
from broker.routing.networks import Network, Networks
from broker.routing.ranges import RangeTable

_PREFIX_LENGTH_MAX = 16  # '+' and fifteen digits


class _PrefixesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prefixes: dict[str, str] = {}


def open_router(folder: Path, operators: frozenset[str]) -> "Router":
    """The router over the three tables of ``config/routing``.

    Raises:
        Misconfigured: names the file and the fault.
    """
    ranges = RangeTable.read(folder / "ranges.tsv")
    networks = Networks.read(folder / "networks.toml", operators, ranges)
    path = folder / "prefixes.toml"
    try:
        prefixes = read_toml(_PrefixesFile, path.read_text("utf-8"), str(path)).prefixes
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error
    if faults := faults_of(prefixes, networks):
        raise Misconfigured(f"{path}: {'; '.join(faults)}")
    return Router(prefixes, networks, ranges)


class Router:
    """A table of prefixes, each ``+`` and digits, to networks; beyond it whoever a range was given to."""

    def __init__(self, prefixes: Mapping[str, str], networks: Networks, ranges: RangeTable) -> None:
        self._prefixes = dict(prefixes)
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
        self._networks = networks
        self._ranges = ranges

    def route(self, phone: PhoneNumber) -> Route:
        """The route of the longest prefix that fits."""
        found = self._ranges.find(phone)
        country = None if found is None else found.country
        for length in self._lengths:
            name = self._prefixes.get(phone.e164[:length])
            if name is not None:
                return _towards(self._networks.named(name), RouteBasis.OVERRIDE, country)
        if found is None or found.holder is None:
            return Route(RouteBasis.NONE, country=country, code=UNROUTABLE)
        return _towards(self._networks.holding(found.country, found.holder), RouteBasis.RANGE, country)

    def portable(self, phone: PhoneNumber) -> bool:
        """Whether numbers of its country move between networks; where that is not known, they may."""
        found = self._ranges.find(phone)
        return found is None or found.portable

    def towards(self, operator_id: str, by: RouteBasis, phone: PhoneNumber) -> Route:
        """The route to whom a Telco Finder names; one that is no network of ours is not served, and not unknown."""
        found = self._ranges.find(phone)
        return _towards(self._networks.found(operator_id), by, None if found is None else found.country)


def _towards(network: Network | None, by: RouteBasis, country: str | None) -> Route:
    if network is None:
        return Route(by, country=country, code=NETWORK_NOT_SERVED)
    code = None if network.sources else NETWORK_NOT_SERVED
    return Route(by, network.name, network.country or country, network.sources, code)


def faults_of(prefixes: Mapping[str, str], networks: Networks) -> list[str]:
    """What is wrong with a table, one sentence a fault; empty when it can be used."""
    faults = [
        f"{prefix!r} is not '+' and 1 to 15 digits"
        for prefix in prefixes
        if not (
            prefix.startswith("+")
            and 1 < len(prefix) <= _PREFIX_LENGTH_MAX
            and prefix[1:].isascii()
            and prefix[1:].isdigit()
        )
    ]
    faults += [
        f"{prefix!r} goes to {name!r}, which is neither in networks.toml nor a file in config/operators"
        for prefix, name in prefixes.items()
        if networks.named(name) is None
    ]
    return faults
