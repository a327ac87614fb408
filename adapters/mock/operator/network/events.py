"""What can happen to a subscriber. A history of these is all that the operator stores about a number."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adapters.mock.operator.network.person import Person

ForwardingKind = Literal["unconditional", "conditional_busy", "conditional_not_reachable", "conditional_no_answer"]
ConsentReason = Literal["PENDING", "REQUESTED", "DENIED", "OBJECTED"]
Degrees = Annotated[float, Meta(ge=-180, le=180)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$(?!\n)", max_length=2)]


class Activation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="activation"):
    """The first SIM connects. It is a pairing with a new SIM and with a first device, so both dates begin here."""


class SimChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sim_change"):
    """The number is paired with another SIM; CAMARA counts port-ins, number changes and multi-SIM as well.

    With a port-in or a change of number the contract is new to this operator: its tenure begins again.
    """

    cause: Literal["replacement", "port_in", "number_change", "multi_sim"] = "replacement"


class DeviceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="device_change"):
    """The number is used in another device. Without an ``imei`` the operator makes one up and keeps to it."""

    imei: Annotated[str, Meta(pattern="^[0-9]{15}$(?!\n)", max_length=15)] | None = None
    model: Annotated[str, Meta(max_length=100)] | None = None
    manufacturer: Annotated[str, Meta(max_length=100)] | None = None


class OwnershipChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ownership_change"):
    """Another person gets the number: a new SIM, a new device, and nothing on record about the new holder yet."""


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
    """The subscriber permits an API (or, without one, every API), or does not; ``reason`` is why not.

    A permission may end ``valid_s`` seconds after it was given; from then on it is EXPIRED.
    """

    granted: bool
    api: str | None = None
    reason: ConsentReason = "PENDING"
    valid_s: Annotated[float, Meta(gt=0, le=3.2e9)] | None = None


class Termination(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="termination"):
    """The number leaves this operator: ported out or given up."""


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="identity"):
    """Who holds the contract is put on record.

    ``verified`` by an official document; ``document_first`` where nothing is compared unless that document is named.
    """

    person: Person = Person()
    verified: bool = True
    document_first: bool = False


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="contract"):
    """Prepaid, monthly or business; ``None`` where the operator does not tell."""

    kind: Literal["PAYG", "PAYM", "Business"] | None = None


class Roaming(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="roaming"):
    """The device goes abroad, or comes home. The country (``mcc``, and its names) may be withheld."""

    active: bool = False
    mcc: Annotated[int, Meta(ge=200, le=799)] | None = None
    countries: Annotated[tuple[Country, ...], Meta(max_length=20)] = ()


class Reach(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="reach"):
    """What an attached device can be reached by."""

    data: bool = True
    sms: bool = True


class NetworkType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="network_type"):
    """The generation of the radio network that an attached device uses."""

    kind: Literal["2G", "3G", "4G", "5G", "UNKNOWN"] = "4G"


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="subscription"):
    """Which services the operator lets the line use."""

    voice_sms_in: Literal["active", "suspended"] = "active"
    voice_sms_out: Literal["active", "suspended"] = "active"
    data: Literal["active", "suspended", "throttled"] = "active"


class Messages(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="messages"):
    """Whether text messages arrive: ``barred`` by the subscriber, or ``impossible`` (a landline, a data-only SIM)."""

    delivery: Literal["open", "barred", "impossible"] = "open"


class Locks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="locks"):
    """Content lock and parental control; ``None`` where the operator does not know."""

    content: bool | None = None
    parental: bool | None = None


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="score"):
    """The operator's score on the gauge scale (more is less risk), and the scales that it can be told on, if any."""

    gauge: Annotated[int, Meta(ge=300, le=850)] = 300
    scales: tuple[Literal["gaugeMetric", "veritasIndex"], ...] = ()


class Ties(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ties"):
    """Whether the SIM works in the device it is in only, and in the area it is in only."""

    device: bool = False
    area: bool = False


State = Identity | Contract | Roaming | Reach | NetworkType | Subscription | Messages | Locks | Score | Ties
"""Events that say how something is from now on: the last one of a kind counts, as a whole."""

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
    | State
)


class Entry(msgspec.Struct, frozen=True):
    """One event and its instant (aware)."""

    at: datetime
    event: Event
