"""What can be subscribed to: each kind of event as a condition on a line, and what is told when it sets in.

Sources: the OpenAPI definitions of the ``*-subscriptions`` APIs.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from adapters.mock.operator.network.events import NetworkType, Reach, Roaming
from adapters.mock.operator.network.geometry import distance_m
from adapters.mock.operator.network.timeline import Line


class Area(msgspec.Struct, frozen=True):
    """A circle: degrees and metres."""

    latitude: float
    longitude: float
    radius_m: float


Told = Mapping[str, Any]
Condition = Callable[[Line, Area | None], Any]
NOTHING: Told = MappingProxyType({})


def _nothing(_line: Line) -> Told:
    return NOTHING


class Kind(msgspec.Struct, frozen=True):
    """One kind of event. ``when`` tells what to compare before and after something happened to the line.

    ``rise``: it was false and is true now. ``change``: it is another value now. ``initial`` events tell the present
    state to a new subscriber who asks for it, where there is one to tell.
    """

    when: Condition
    sets_in: Literal["rise", "change"] = "rise"
    initial: bool = True
    data: Callable[[Line], Told] = _nothing

    def sets_off(self, before: Any, after: Any) -> bool:
        """Whether an event follows from the two values of the condition."""
        if self.sets_in == "rise":
            return before is False and after is True
        return after is not None and after != before


def _reach(line: Line) -> tuple[bool, bool]:
    """Whether data arrive, and whether text messages do."""
    if line.detached_at is not None:
        return False, False
    state = line.state(Reach)
    return state.data, state.sms


def _network_type(line: Line) -> str:
    return line.state(NetworkType).kind if line.detached_at is None else "UNKNOWN"


def _country(line: Line) -> Told:
    state = line.state(Roaming)
    if not state.active or state.mcc is None:
        return NOTHING
    return {"countryCode": state.mcc, "countryName": list(state.countries)}


def _roaming(line: Line) -> Told:
    return {"roaming": line.state(Roaming).active, **_country(line)}


def _abroad_in(line: Line, _: Area | None) -> int | None:
    state = line.state(Roaming)
    return state.mcc if state.active else None


def _inside(line: Line, area: Area | None) -> bool | None:
    """Whether the middle of the device's cell lies in the area; unknown where the device was never seen."""
    if line.fix is None or area is None:
        return None
    return distance_m(area.latitude, area.longitude, line.fix.latitude, line.fix.longitude) <= area.radius_m


def _outside(line: Line, area: Area | None) -> bool | None:
    inside = _inside(line, area)
    return None if inside is None else not inside


KINDS: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        "sim-swap-subscriptions": {
            "swapped": Kind(lambda line, _: line.sim_changed_at, "change", initial=False),
        },
        "device-roaming-status-subscriptions": {
            "roaming-status": Kind(lambda line, _: line.state(Roaming), "change", data=_roaming),
            "roaming-on": Kind(lambda line, _: line.state(Roaming).active),
            "roaming-off": Kind(lambda line, _: not line.state(Roaming).active),
            "roaming-change-country": Kind(_abroad_in, "change", initial=False, data=_country),
        },
        "device-reachability-status-subscriptions": {
            "reachability-data": Kind(lambda line, _: _reach(line)[0]),
            "reachability-sms": Kind(lambda line, _: _reach(line) == (False, True)),
            "reachability-disconnected": Kind(lambda line, _: _reach(line) == (False, False)),
        },
        "connected-network-type-subscriptions": {
            "network-type-changed": Kind(
                lambda line, _: _network_type(line),
                "change",
                data=lambda line: {"connectedNetworkType": _network_type(line)},
            ),
        },
        "geofencing-subscriptions": {
            "area-entered": Kind(_inside),
            "area-left": Kind(_outside),
        },
    }
)
