"""How long waves may take: when the rest is asked as well, and whether there is time for more than one wave."""

from collections.abc import Iterable, Mapping

from broker.domain.cost import Tariff
from broker.domain.signal import SignalName

_PATIENCE = 2.0
"""A wave may take this many times its typical time before everything else is sent after it."""
_TYPICAL_MS = 300.0
"""For an API without a figure of its own."""


def patience_s(names: Iterable[SignalName], tariffs: Mapping[SignalName, Tariff]) -> float:
    """How long these may take together; at least one name."""
    known = (tariffs.get(name) for name in names)
    return _PATIENCE * max(_TYPICAL_MS if one is None else one.typical_ms for one in known) / 1000.0


def has_room(left_s: float, names: Iterable[SignalName], tariffs: Mapping[SignalName, Tariff]) -> bool:
    """Whether ``left_s`` are enough for this wave at its slowest, and for as long a one after it."""
    return left_s >= 2 * patience_s(names, tariffs)
