"""Which network serves a number, how that is known, and through whom its subscribers can be asked."""

from enum import StrEnum

import msgspec


class RouteBasis(StrEnum):
    """How a route is known, from the least to the most certain about a number that may have moved."""

    NONE = "none"
    RANGE = "range"
    """Whom the number's range was given to: a guess where numbers can be ported."""
    OVERRIDE = "override"
    """A prefix in ``config/routing/prefixes.toml``."""
    FINDER = "finder"
    """A Telco Finder's quick answer, which may be stale."""
    FINDER_DEEP = "finder_deep"
    """A Telco Finder's authoritative answer."""


class Route(msgspec.Struct, frozen=True):
    """Where to ask about a number. ``sources`` are operator ids in the order of preference, empty where there are none.

    ``code`` says why there are none: :data:`UNROUTABLE` or :data:`NETWORK_NOT_SERVED`. ``remembered`` means that an
    earlier answer of a finder was used again.
    """

    by: RouteBasis
    network: str | None = None
    country: str | None = None
    sources: tuple[str, ...] = ()
    code: str | None = None
    remembered: bool = False


UNROUTABLE = "UNROUTABLE"
"""Nobody is known to serve the number."""
NETWORK_NOT_SERVED = "NETWORK_NOT_SERVED"
"""The number belongs to a network, an MVNO for one, through which nobody of this deployment can ask."""
