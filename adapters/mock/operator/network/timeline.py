"""A subscriber is a history. What the network knows at an instant is the fold of the events up to that instant."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from adapters.mock.operator.network.consents import Consents, ConsentStatus
from adapters.mock.operator.network.events import (
    Activation,
    Consent,
    Contract,
    Detached,
    DeviceChange,
    Entry,
    Event,
    Forwarding,
    ForwardingKind,
    Identity,
    Locks,
    OwnershipChange,
    Score,
    Seen,
    Service,
    SimChange,
    State,
    Termination,
)

S = TypeVar("S", bound=State)

FIX_REFRESH_S = 300
"""An attached device is located anew this often without being asked."""
NEW_HERE = frozenset({"port_in", "number_change"})
"""Causes of a SIM change with which the contract is a new one at this operator."""


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
    """What the network knows about one number at one instant, ``now``.

    ``owner_since`` is when its present holder got the number, ``tenure_since`` when that contract began here,
    ``stays`` where the device was, oldest first, and ``detached_at`` when it left the network, unless it came back.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.sim_changed_at: datetime | None = None
        self.device_changed_at: datetime | None = None
        self.owner_since: datetime | None = None
        self.tenure_since: datetime | None = None
        self.detached_at: datetime | None = None
        self.device = DeviceChange()
        self.forwardings: set[ForwardingKind] = set()
        self.fix: Fix | None = None
        self.stays: list[Fix] = []
        self.applicable = Switches()
        self.consents = Consents()
        self.terminated = False
        self._states: dict[type[Any], State] = {}

    def state(self, kind: type[S]) -> S:
        """The last event of this kind, or what holds where there was none."""
        found = self._states.get(kind)
        return found if isinstance(found, kind) else kind()

    def consent(self, api: str) -> ConsentStatus:
        """Whether the subscriber permits an API now."""
        return self.consents.status(api, self.now)

    def status_at(self) -> datetime:
        """When the state of the device was last known: when it left, or at the last refresh."""
        if self.detached_at is not None:
            return self.detached_at
        since = self.device_changed_at or self.now
        return self.now - timedelta(seconds=(self.now - since).total_seconds() % FIX_REFRESH_S)

    def apply(self, at: datetime, event: Event) -> None:
        """Let one event happen."""
        match event:
            case Activation() | OwnershipChange():
                self._begin(at)
            case SimChange(cause=cause):
                self.sim_changed_at = at
                self.tenure_since = at if cause in NEW_HERE else self.tenure_since
            case DeviceChange():
                self.device_changed_at, self.device = at, event
            case Forwarding(active=active, kind=kind):
                (self.forwardings.add if active else self.forwardings.discard)(kind)
            case Seen(latitude=latitude, longitude=longitude, radius_m=radius_m):
                self._leave(at)
                self.fix, self.detached_at = Fix(latitude, longitude, radius_m, since=at), None
            case Detached():
                self._leave(at)
                self.detached_at = at
                self.fix = None if self.fix is None else msgspec.structs.replace(self.fix, last_seen=at)
            case Service(applicable=applicable, api=api):
                self.applicable.set(api, allowed=applicable)
            case Consent():
                self.consents.set(at, event)
            case Termination():
                self.terminated = True
                self.owner_since = self.tenure_since = None
            case _:
                self._states[type(event)] = event

    def _begin(self, at: datetime) -> None:
        """Somebody gets the number: what was known of the holder before is not known of this one."""
        self.sim_changed_at = self.device_changed_at = self.owner_since = self.tenure_since = at
        self.device, self.terminated = DeviceChange(), False
        self.stays.clear()
        for kind in (Identity, Contract, Score, Locks):
            self._states.pop(kind, None)

    def _leave(self, at: datetime) -> None:
        if self.fix is not None and self.fix.last_seen is None:
            self.stays.append(msgspec.structs.replace(self.fix, last_seen=at))


def line_at(history: Iterable[Entry], now: datetime) -> Line:
    """Fold a history, ordered by instant, up to and including ``now``; what lies ahead has not happened yet."""
    line = Line(now)
    for entry in history:
        if entry.at > now:
            break
        line.apply(entry.at, entry.event)
    return line
