"""A subscriber is a history. What the network knows at an instant is the fold of the events up to that instant."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ForwardingKind = Literal["unconditional", "conditional_busy", "conditional_not_reachable", "conditional_no_answer"]
Degrees = Annotated[float, Meta(ge=-180, le=180)]

FIX_REFRESH_S = 300
"""An attached device is located anew this often without being asked."""


class Activation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="activation"):
    """The first SIM connects. It is a pairing with a new SIM and with a first device, so both dates begin here."""


class SimChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sim_change"):
    """The number is paired with another SIM; CAMARA counts port-ins, number changes and multi-SIM as well."""

    cause: Literal["replacement", "port_in", "number_change", "multi_sim"] = "replacement"


class DeviceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="device_change"):
    """The number is used in another device."""


class OwnershipChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ownership_change"):
    """Another person gets the number. A new subscription counts as a new SIM and a new device."""


class Forwarding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="forwarding"):
    """A call forwarding is switched on or off."""

    active: bool
    kind: ForwardingKind = "unconditional"


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="seen"):
    """The device attaches here: a circle of ``radius_m`` metres, within which the network cannot tell places apart."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Degrees
    radius_m: Annotated[float, Meta(ge=1, le=200_000)] = 500.0


class Detached(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="detached"):
    """The device leaves the network: the last fix stays and grows old."""


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="service"):
    """An API (or, without one, every API) becomes applicable to this line, or stops to be (IoT, business, MVNO)."""

    applicable: bool
    api: str | None = None


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="consent"):
    """The subscriber permits an API (or, without one, every API), or withdraws."""

    granted: bool
    api: str | None = None


class Termination(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="termination"):
    """The number leaves this operator: ported out or given up."""


Event = (
    Activation
    | SimChange
    | DeviceChange
    | OwnershipChange
    | Forwarding
    | Seen
    | Detached
    | Service
    | Consent
    | Termination
)


class Entry(msgspec.Struct, frozen=True):
    """One event and its instant (aware)."""

    at: datetime
    event: Event


class Fix(msgspec.Struct, frozen=True):
    """Where the network last saw a device: degrees, metres; ``last_seen`` is set once it has left."""

    latitude: float
    longitude: float
    radius_m: float
    since: datetime
    last_seen: datetime | None = None

    def located_at(self, now: datetime, max_age_s: int | None) -> datetime:
        """When this place was true. An attached device is paged if its fix is older than the caller accepts."""
        if self.last_seen is not None:
            return self.last_seen
        age_s = (now - self.since).total_seconds() % FIX_REFRESH_S
        if max_age_s is not None and age_s > max_age_s:
            return now
        return now - timedelta(seconds=age_s)


class Switches:
    """A yes or no for every API, with exceptions for single ones; the later word counts."""

    def __init__(self) -> None:
        self._all = True
        self._single: dict[str, bool] = {}

    def set(self, api: str | None, *, allowed: bool) -> None:
        """Switch one API, or all of them (which forgets the exceptions)."""
        if api is None:
            self._all = allowed
            self._single.clear()
        else:
            self._single[api] = allowed

    def __getitem__(self, api: str) -> bool:
        return self._single.get(api, self._all)


class Line:
    """What the network knows about one number at one instant."""

    def __init__(self) -> None:
        self.sim_changed_at: datetime | None = None
        self.device_changed_at: datetime | None = None
        self.forwardings: set[ForwardingKind] = set()
        self.fix: Fix | None = None
        self.applicable = Switches()
        self.permitted = Switches()
        self.terminated = False

    def apply(self, at: datetime, event: Event) -> None:  # noqa: C901 - one case for each kind of event
        """Let one event happen."""
        match event:
            case Activation() | OwnershipChange():
                self.sim_changed_at = self.device_changed_at = at
                self.terminated = False
            case SimChange():
                self.sim_changed_at = at
            case DeviceChange():
                self.device_changed_at = at
            case Forwarding(active=True, kind=kind):
                self.forwardings.add(kind)
            case Forwarding(active=False, kind=kind):
                self.forwardings.discard(kind)
            case Seen(latitude=latitude, longitude=longitude, radius_m=radius_m):
                self.fix = Fix(latitude, longitude, radius_m, since=at)
            case Detached():
                self.fix = None if self.fix is None else msgspec.structs.replace(self.fix, last_seen=at)
            case Service(applicable=applicable, api=api):
                self.applicable.set(api, allowed=applicable)
            case Consent(granted=granted, api=api):
                self.permitted.set(api, allowed=granted)
            case Termination():
                self.terminated = True


def line_at(history: Iterable[Entry], now: datetime) -> Line:
    """Fold a history, ordered by instant, up to and including ``now``; what lies ahead has not happened yet."""
    line = Line()
    for entry in history:
        if entry.at > now:
            break
        line.apply(entry.at, entry.event)
    return line
