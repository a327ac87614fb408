"""The nouns that decisions are computed with: classes and their rules, costs, gates, step-up methods.

What a document may tighten and never loosen stands here as tables: :data:`GATE_FLOORS` and :data:`MISSING_FLOORS`.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from broker.domain.decision import ActionClass, Outcome
from broker.domain.signal import SignalName, Unavailability
from broker.policy.telling import Windows

SignalGroup = tuple[SignalName, ...]


class StepUpMethod(StrEnum):
    """Ways for the person to prove more. What each rests on decides when it is withheld."""

    NETWORK_AUTH = "network_auth"
    """Number verification over the mobile network: proves the SIM that is in the device now."""
    OPERATOR_TOKEN = "operator_token"  # noqa: S105 - a method's name
    """A TS.43 token that the device fetched: proves the same."""
    TENANT_FACTOR = "tenant_factor"
    """A factor of the tenant's own that does not use the line: a passkey, the bank's app."""
    OPERATOR_PROMPT = "operator_prompt"
    """The operator asks the person on their phone (CIBA): reaches whoever holds the line."""
    SMS_OTP = "sms_otp"
    VOICE_CALL = "voice_call"


ON_THE_PHONE_NETWORK = frozenset({StepUpMethod.OPERATOR_PROMPT, StepUpMethod.SMS_OTP, StepUpMethod.VOICE_CALL})
"""Codes and questions sent over the phone network: not to be used after an adverse line signal (NIST SP 800-63B-4)."""

LINE = frozenset({SignalName.SIM_SWAP, SignalName.DEVICE_SWAP})
"""What says whether somebody may have taken the line over."""

ON_THE_SIM = frozenset({StepUpMethod.NETWORK_AUTH, StepUpMethod.OPERATOR_TOKEN, StepUpMethod.OPERATOR_PROMPT})
"""Proofs of the SIM itself: whoever took over the SIM passes them."""


class GateCode(StrEnum):
    """The gates whose floors a document may raise; each is a reason code, too."""

    POSSESSION_MISMATCH = "POSSESSION_MISMATCH"
    """The session does not come from the number's SIM."""
    SIM_CHANGED_24H = "SIM_CHANGED_24H"
    """The SIM changed within a day; for high and critical also if it is only known to have changed and may have."""
    LINE_FORWARDED = "LINE_FORWARDED"
    """All calls go elsewhere; in itself it withholds voice only."""
    EVIDENCE_CONFLICT = "EVIDENCE_CONFLICT"
    """Possession is confirmed while the SIM is a day old and the device is elsewhere."""
    NUMBER_RECYCLED = "NUMBER_RECYCLED"
    """The number has gone to somebody else since it was linked to the person."""
    UNKNOWN_NUMBER = "UNKNOWN_NUMBER"
    """The operator that should own the number does not know it."""


_LOW, _MEDIUM, _HIGH, _CRITICAL = ActionClass

GATE_FLOORS: Mapping[GateCode, Mapping[ActionClass, Outcome]] = {
    GateCode.POSSESSION_MISMATCH: dict.fromkeys(ActionClass, Outcome.STEP_UP),
    GateCode.SIM_CHANGED_24H: {_HIGH: Outcome.STEP_UP, _CRITICAL: Outcome.REVIEW},
    GateCode.LINE_FORWARDED: {},
    GateCode.EVIDENCE_CONFLICT: dict.fromkeys(ActionClass, Outcome.STEP_UP),
    GateCode.NUMBER_RECYCLED: dict.fromkeys(ActionClass, Outcome.REVIEW),
    GateCode.UNKNOWN_NUMBER: {_HIGH: Outcome.REVIEW},
}
"""The least that a fired gate asks for, per class; a class left out has the floor of the classes below it."""

MISSING_FLOORS: Mapping[ActionClass, Outcome] = {
    _LOW: Outcome.ALLOW,
    _MEDIUM: Outcome.STEP_UP,
    _HIGH: Outcome.STEP_UP,
    _CRITICAL: Outcome.REVIEW,
}
"""The least that missing required evidence asks for. From high on, it withholds the phone network's methods as well."""

MAX_AGES_S: Mapping[ActionClass, float] = {_LOW: 3600.0, _MEDIUM: 300.0, _HIGH: 60.0, _CRITICAL: 0.0}
"""How old an answer may be where a document says nothing: an hour's reuse would hide about a third of SIM takeovers."""

CLEAN_MAX_AGES_S: Mapping[SignalName, float] = {
    # Defensive: what another session proved says nothing about who is here now.
    SignalName.NUMBER_VERIFICATION: 0.0,
    SignalName.REACHABILITY: 60.0,
    SignalName.NETWORK_TYPE: 60.0,
    SignalName.LOCATION: 300.0,
    SignalName.CALL_FORWARDING: 300.0,
    SignalName.ROAMING: 600.0,
}
"""How old a clean answer may be, whatever the class allows: people move, and calls are forwarded within a minute."""

ADVERSE_MAX_AGES_S: Mapping[SignalName, float] = {
    SignalName.SIM_SWAP: 86_400.0,
    SignalName.DEVICE_SWAP: 86_400.0,
    SignalName.CALL_FORWARDING: 3600.0,
}
"""How old an answer may be that speaks against the line, in every class: a change stays one, a forwarding may end."""


OPERATOR_FAILED = frozenset(
    {
        Unavailability.TIMEOUT,
        Unavailability.OPERATOR_ERROR,
        Unavailability.MALFORMED,
        Unavailability.BREAKER_OPEN,
        Unavailability.LATE,
    }
)
"""Absences that are an operator's failure and not a property of the line or of the request."""


class Costs(msgspec.Struct, frozen=True):
    """What each mistake costs, in units of a typical loss, and which share of attacks each remedy stops.

    ``weak_step_up_stops`` holds when no method is left that stands clear of the line in doubt. ``insult`` is the cost
    of refusing a genuine person.
    """

    step_up: float = 0.0005
    step_up_stops: float = 0.85
    weak_step_up_stops: float = 0.3
    step_up_friction: float = 0.004
    review: float = 0.02
    review_stops: float = 0.95
    review_friction: float = 0.01
    insult: float = 0.05


class ClassRules(msgspec.Struct, frozen=True):
    """The rules of one action class in one document.

    ``prior`` is the probability of fraud before any evidence, ``value_at_risk`` the loss in units of a typical one.
    ``required`` are groups of which each needs one observed member; together with the gates' floors they include those
    of the less sensitive classes of the document, so that a higher class can never ask for less. ``windows_s`` says how
    far back an answer must look to satisfy a requirement. ``missing_floor`` is the least for a required group without
    an answer, ``failed_floor`` the least where an operator's failure is why.
    """

    action_class: ActionClass
    prior: float
    value_at_risk: float
    costs: Costs
    max_age_s: float
    deadline_ms: int | None
    wanted: tuple[SignalName, ...]
    required: tuple[SignalGroup, ...]
    windows_s: Windows
    missing_floor: Outcome
    failed_floor: Outcome
    gate_floors: dict[GateCode, Outcome]
