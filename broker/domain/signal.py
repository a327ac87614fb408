"""A signal: one observation about a subject, or one typed reason why there is none. Never ``None``, never a boolean."""

from datetime import datetime
from enum import StrEnum

import msgspec


class SignalName(StrEnum):
    """What can be asked about a number. The value is used on the wire, in policies and in the evidence table."""

    SIM_SWAP = "sim_swap"
    DEVICE_SWAP = "device_swap"
    NUMBER_VERIFICATION = "number_verification"
    LOCATION = "location"
    CALL_FORWARDING = "call_forwarding"


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
    """Whether a condition holds on the line: unconditional forwarding, for one. ``True`` is the adverse side."""

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


Value = AgeRange | Match | Flag | Presence


class Window(msgspec.Struct, frozen=True):
    """The period, in seconds back from the observation, that the operator's answer really covers."""

    covered_s: float


class Source(msgspec.Struct, frozen=True):
    """Who answered: operator, CAMARA API and its version; ``cached`` when an earlier answer was used again."""

    operator: str
    api: str
    version: str
    cached: bool = False


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
    our own), never from free text of an operator.
    """

    name: SignalName
    reason: Unavailability
    code: str | None = None
    source: Source | None = None
    latency_ms: float = 0.0


Signal = Observed | Unavailable
