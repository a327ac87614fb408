"""A signal: one observation about a subject, or one typed reason why there is none. Never ``None``, never a boolean."""

from datetime import date, datetime
from enum import StrEnum

import msgspec


class SignalName(StrEnum):
    """What can be asked about a number. The value is used on the wire, in policies and in the evidence table."""

    SIM_SWAP = "sim_swap"
    DEVICE_SWAP = "device_swap"
    NUMBER_VERIFICATION = "number_verification"
    LOCATION = "location"
    CALL_FORWARDING = "call_forwarding"
    NUMBER_RECYCLING = "number_recycling"
    KYC_TENURE = "kyc_tenure"
    KYC_MATCH = "kyc_match"
    ROAMING = "roaming"
    REACHABILITY = "reachability"
    SUBSCRIPTION_STATUS = "subscription_status"
    KYC_AGE = "kyc_age"
    NETWORK_TYPE = "network_type"
    DEVICE_IDENTITY = "device_identity"
    FREQUENT_LOCATION = "frequent_location"
    CUSTOMER_INSIGHTS = "customer_insights"
    SIM_BINDING = "sim_binding"


class Unavailability(StrEnum):
    """Why there is no observation. None of these is ever read as clean."""

    UNSUPPORTED = "unsupported"
    """No operator serves this number, or its operator does not offer the API."""
    NOT_APPLICABLE = "not_applicable"
    """The operator knows the number and cannot answer for it, or the caller sent nothing to compare with."""
    NOT_PERMITTED = "not_permitted"
    """Missing consent, scope, purpose or legal basis."""
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    """The operator that should own the number does not know it."""
    TIMEOUT = "timeout"
    OPERATOR_ERROR = "operator_error"
    """Refused, throttled, broken or unreachable."""
    MALFORMED = "malformed"
    """An answer came and cannot be trusted: wrong type, absurd date, duplicate member, oversized."""
    BREAKER_OPEN = "breaker_open"
    LATE = "late"
    """Still under way at the deadline of the check."""
    SKIPPED = "skipped"
    """Not asked, because it could not matter or too little time was left."""


class AgeRange(msgspec.Struct, frozen=True, tag="age"):
    """How long ago something last changed: at least ``at_least_s`` and, where known, at most ``at_most_s`` seconds.

    A date gives two equal ends. "Not swapped within 240 h" gives ``at_least_s=864000`` and no upper end: it says
    nothing about what came before. "Swapped within 240 h" gives 0 and 864000.
    """

    at_least_s: float
    at_most_s: float | None


class Match(msgspec.Struct, frozen=True, tag="match"):
    """Whether what was claimed is so: possession of the number, for one."""

    matched: bool


class Flag(msgspec.Struct, frozen=True, tag="flag"):
    """Whether a condition holds on the line: unconditional forwarding, or a number that has changed hands.

    ``True`` is the adverse side.
    """

    active: bool


class Overlap(StrEnum):
    """How the network's area lies to the circle asked about."""

    INSIDE = "inside"
    PARTIAL = "partial"
    OUTSIDE = "outside"


class Presence(msgspec.Struct, frozen=True, tag="presence"):
    """Where the device is against a circle.

    ``match_rate`` (1-99 percent) is the share of the network's area that lies in the circle, only with PARTIAL; it is
    not a probability. ``located_age_s`` is how old the network's own fix was when observed, where the operator says so.
    """

    overlap: Overlap
    match_rate: int | None = None
    located_age_s: float | None = None


class Contract(StrEnum):
    """How the line is paid for; a prepaid line may be held without a name."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"
    BUSINESS = "business"


class Tenure(msgspec.Struct, frozen=True, tag="tenure"):
    """Whether one person has held the line without a break since a day.

    ``since`` is the day that the operator was asked about. Not continuous says nothing of why: porting in, another
    holder and a new contract all begin anew. ``began`` is how long ago the tenure began, as far as the answers narrow
    it down; days have no zone, so its ends are a day wide of the truth at most.
    """

    since: date
    continuous: bool
    contract: Contract | None = None
    began: AgeRange | None = None


class Confirmation(StrEnum):
    """What an operator says of a claim. ``NOT_ON_FILE`` is no evidence either way."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_ON_FILE = "not_on_file"


class AttributeMatch(msgspec.Struct, frozen=True):
    """One claim against the operator's file. ``score`` (0-100 percent alike) comes with DIFFERS only, if at all."""

    attribute: str
    confirmation: Confirmation
    score: int | None = None


class IdentityMatch(msgspec.Struct, frozen=True, tag="identity"):
    """Each claim that was sent, in its order, against the operator's file; at least one of them is on file."""

    attributes: tuple[AttributeMatch, ...]


class AgeCheck(msgspec.Struct, frozen=True, tag="age_check"):
    """Whether the holder is at least ``threshold_years`` old.

    ``verified`` says whether the operator's date comes from a legally accepted document, where it says so;
    ``identity_score`` (0-100) how like the holder the claims are. Without claims the answer is about whoever holds the
    contract.
    """

    threshold_years: int
    reached: bool
    verified: bool | None = None
    identity_score: int | None = None


class Roaming(msgspec.Struct, frozen=True, tag="roaming"):
    """Whether the device is in a foreign network.

    ``country_code`` is the mobile country code (MCC) and ``countries`` the ISO 3166 codes that it may stand for, of
    which there can be none or several. ``status_age_s`` is how old the network's knowledge was when observed.
    """

    roaming: bool
    country_code: int | None = None
    countries: tuple[str, ...] = ()
    status_age_s: float | None = None


class Channel(StrEnum):
    """How a device can be reached."""

    DATA = "data"
    SMS = "sms"


class Reachability(msgspec.Struct, frozen=True, tag="reachability"):
    """Whether the network reaches the device, and how where it says so; ``status_age_s`` as in :class:`Roaming`."""

    reachable: bool
    channels: frozenset[Channel] = frozenset()
    status_age_s: float | None = None


class ServiceState(StrEnum):
    """Whether a service of a line works."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    THROTTLED = "throttled"


class LineStatus(msgspec.Struct, frozen=True, tag="line"):
    """The services of a line. Voice and SMS are never throttled."""

    voice_sms_in: ServiceState
    voice_sms_out: ServiceState
    data: ServiceState


class NetworkType(msgspec.Struct, frozen=True, tag="network"):
    """The radio generation (2-5) that the device is connected over; ``status_age_s`` as in :class:`Roaming`."""

    generation: int
    status_age_s: float


class DeviceModel(msgspec.Struct, frozen=True, tag="device"):
    """What kind of device the SIM is in: its type allocation code, never the number of the single device.

    ``checked_age_s`` is how long ago the network last saw it.
    """

    tac: str
    model: str | None = None
    manufacturer: str | None = None
    checked_age_s: float | None = None


class Frequency(msgspec.Struct, frozen=True, tag="frequency"):
    """How often the device is in a place, 0-100 over time slots; not a probability."""

    score: int


class RiskScale(StrEnum):
    """Scales of customer insights, which point in opposite ways."""

    GAUGE = "gauge"
    """300-850, higher is less risk."""
    VERITAS = "veritas"
    """0-19, lower is less risk."""


class RiskScore(msgspec.Struct, frozen=True, tag="risk"):
    """An operator's opaque score of a customer, on its own scale."""

    scale: RiskScale
    value: int


class SimBinding(msgspec.Struct, frozen=True, tag="binding"):
    """Whether the network lets the SIM work in one device only, and in one area only; which ones is not told."""

    to_device: bool
    to_area: bool


Value = (
    AgeRange
    | Match
    | Flag
    | Presence
    | Tenure
    | IdentityMatch
    | AgeCheck
    | Roaming
    | Reachability
    | LineStatus
    | NetworkType
    | DeviceModel
    | Frequency
    | RiskScore
    | SimBinding
)


class Window(msgspec.Struct, frozen=True):
    """The period, in seconds back from the observation, that the operator's answer really covers."""

    covered_s: float


class Source(msgspec.Struct, frozen=True):
    """Who answered: operator, CAMARA API and its version; ``cached`` when an earlier answer was used again.

    ``hedged`` when a less preferred source answered, because the preferred one was slow or failed; ``downgraded`` when
    we asked for a token that only we can use, and the operator gave one that anybody can.
    """

    operator: str
    api: str
    version: str
    cached: bool = False
    hedged: bool = False
    downgraded: bool = False


class Observed(msgspec.Struct, frozen=True, tag="observed"):
    """An answer. ``observed_at`` is our clock at arrival, for the APIs carry no time of their own."""

    name: SignalName
    value: Value
    observed_at: datetime
    source: Source
    window: Window | None = None
    latency_ms: float = 0.0


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable"):
    """No answer, and why.

    ``code`` narrows the reason for whoever runs the broker. It comes from a closed list (CAMARA's error codes, OAuth's,
    our own), never from free text of an operator. ``retry_after_s`` is how long it asked us to stay away, if it did.
    """

    name: SignalName
    reason: Unavailability
    code: str | None = None
    source: Source | None = None
    latency_ms: float = 0.0
    retry_after_s: float | None = None


Signal = Observed | Unavailable
