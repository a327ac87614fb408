"""Why: the closed catalogue of reason codes, the reasons of one decision, and what an agent may see of them.

The full codes name the network fact and are for callers who may ask for explanations. An agent gets the safe ones,
which do not tell which fact fired: otherwise the broker would teach attackers what to change.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from broker.domain.decision import Assessment, Contribution, Effect, Outcome, Reason
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Flag, SignalName, Tenure, Unavailability, Unavailable
from broker.policy.ages import BIN_EDGES_S, bin_of
from broker.policy.rules import LINE, SignalGroup
from broker.policy.scenarios import AGE_STATES, BEFORE_BINDING

PRINCIPAL_NATS = 0.3
CONFLICT_MAX = 0.5
AGENT_REASONS_MAX = 4


class ReasonCode(StrEnum):
    """Everything that can be said about a decision."""

    SIM_CHANGED_24H = "SIM_CHANGED_24H"
    SIM_CHANGED_7D = "SIM_CHANGED_7D"
    SIM_CHANGED_30D = "SIM_CHANGED_30D"
    DEVICE_CHANGED = "DEVICE_CHANGED"
    DEVICE_CHANGED_WITH_SIM = "DEVICE_CHANGED_WITH_SIM"
    PORTED_IN = "PORTED_IN"
    NEW_SUBSCRIPTION = "NEW_SUBSCRIPTION"
    NUMBER_RECYCLED = "NUMBER_RECYCLED"
    LINE_FORWARDED = "LINE_FORWARDED"
    LONG_STANDING_LINE = "LONG_STANDING_LINE"
    POSSESSION_MISMATCH = "POSSESSION_MISMATCH"
    POSSESSION_CONFIRMED = "POSSESSION_CONFIRMED"
    LOCATION_MISMATCH = "LOCATION_MISMATCH"
    LOCATION_CONFIRMED = "LOCATION_CONFIRMED"
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"
    UNKNOWN_NUMBER = "UNKNOWN_NUMBER"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    EVIDENCE_CONFLICT = "EVIDENCE_CONFLICT"
    NOT_CONSENTED = "NOT_CONSENTED"
    OPERATOR_UNAVAILABLE = "OPERATOR_UNAVAILABLE"
    ACTION_SENSITIVE = "ACTION_SENSITIVE"
    POLICY_FLOOR = "POLICY_FLOOR"
    STOPPED = "STOPPED"
    ADVERSE_STANDS = "ADVERSE_STANDS"
    CLASS_RAISED = "CLASS_RAISED"
    AMOUNT_ACCUMULATED = "AMOUNT_ACCUMULATED"
    AGENT_UNUSUAL = "AGENT_UNUSUAL"
    JOURNEY_ADVERSE = "JOURNEY_ADVERSE"
    CHALLENGE_MET = "CHALLENGE_MET"
    CHALLENGE_FAILED = "CHALLENGE_FAILED"
    REVIEW_APPROVED = "REVIEW_APPROVED"
    REVIEW_DENIED = "REVIEW_DENIED"
    METHOD_UNSUPPORTED = "METHOD_UNSUPPORTED"


class SafeCode(StrEnum):
    """What an agent may see."""

    LINE_RISK = "LINE_RISK"
    POSSESSION_RISK = "POSSESSION_RISK"
    PLACE_RISK = "PLACE_RISK"
    IDENTITY_RISK = "IDENTITY_RISK"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    ACTION_SENSITIVE = "ACTION_SENSITIVE"
    POLICY_FLOOR = "POLICY_FLOOR"
    STOPPED = "STOPPED"
    REVIEWED = "REVIEWED"


_SAFE: Mapping[ReasonCode, SafeCode | None] = {
    ReasonCode.SIM_CHANGED_24H: SafeCode.LINE_RISK,
    ReasonCode.SIM_CHANGED_7D: SafeCode.LINE_RISK,
    ReasonCode.SIM_CHANGED_30D: SafeCode.LINE_RISK,
    ReasonCode.DEVICE_CHANGED: SafeCode.LINE_RISK,
    ReasonCode.DEVICE_CHANGED_WITH_SIM: SafeCode.LINE_RISK,
    ReasonCode.PORTED_IN: SafeCode.LINE_RISK,
    ReasonCode.NEW_SUBSCRIPTION: SafeCode.LINE_RISK,
    ReasonCode.NUMBER_RECYCLED: SafeCode.LINE_RISK,
    ReasonCode.IDENTITY_MISMATCH: SafeCode.IDENTITY_RISK,
    ReasonCode.LINE_FORWARDED: SafeCode.LINE_RISK,
    ReasonCode.LONG_STANDING_LINE: None,
    ReasonCode.POSSESSION_MISMATCH: SafeCode.POSSESSION_RISK,
    ReasonCode.POSSESSION_CONFIRMED: None,
    ReasonCode.LOCATION_MISMATCH: SafeCode.PLACE_RISK,
    ReasonCode.LOCATION_CONFIRMED: None,
    # An agent must not learn whether a number is anybody's: it looks like one that nobody could be asked about.
    ReasonCode.UNKNOWN_NUMBER: SafeCode.EVIDENCE_MISSING,
    ReasonCode.EVIDENCE_MISSING: SafeCode.EVIDENCE_MISSING,
    ReasonCode.EVIDENCE_CONFLICT: SafeCode.EVIDENCE_MISSING,
    ReasonCode.NOT_CONSENTED: SafeCode.EVIDENCE_MISSING,
    ReasonCode.OPERATOR_UNAVAILABLE: SafeCode.EVIDENCE_MISSING,
    ReasonCode.ACTION_SENSITIVE: SafeCode.ACTION_SENSITIVE,
    ReasonCode.POLICY_FLOOR: SafeCode.POLICY_FLOOR,
    ReasonCode.STOPPED: SafeCode.STOPPED,
    ReasonCode.ADVERSE_STANDS: SafeCode.POLICY_FLOOR,
    ReasonCode.CLASS_RAISED: SafeCode.ACTION_SENSITIVE,
    ReasonCode.AMOUNT_ACCUMULATED: SafeCode.ACTION_SENSITIVE,
    ReasonCode.AGENT_UNUSUAL: SafeCode.POLICY_FLOOR,
    ReasonCode.JOURNEY_ADVERSE: SafeCode.POLICY_FLOOR,
    ReasonCode.CHALLENGE_MET: None,
    ReasonCode.CHALLENGE_FAILED: SafeCode.POSSESSION_RISK,
    ReasonCode.REVIEW_APPROVED: None,
    ReasonCode.REVIEW_DENIED: SafeCode.REVIEWED,
    ReasonCode.METHOD_UNSUPPORTED: SafeCode.EVIDENCE_MISSING,
}
"""Reassuring facts have no safe form: which of them helped is what an attacker would like to know."""

_CONFIRMED: Mapping[SignalName, ReasonCode] = {
    SignalName.SIM_SWAP: ReasonCode.LONG_STANDING_LINE,
    SignalName.NUMBER_VERIFICATION: ReasonCode.POSSESSION_CONFIRMED,
    SignalName.LOCATION: ReasonCode.LOCATION_CONFIRMED,
}
_ADVERSE: Mapping[SignalName, ReasonCode] = {
    SignalName.NUMBER_VERIFICATION: ReasonCode.POSSESSION_MISMATCH,
    SignalName.CALL_FORWARDING: ReasonCode.LINE_FORWARDED,
    SignalName.LOCATION: ReasonCode.LOCATION_MISMATCH,
    SignalName.NUMBER_RECYCLING: ReasonCode.NUMBER_RECYCLED,
    SignalName.KYC_TENURE: ReasonCode.NEW_SUBSCRIPTION,
    SignalName.KYC_MATCH: ReasonCode.IDENTITY_MISMATCH,
}
_SIM_AGES: Mapping[str, ReasonCode] = {
    "24h": ReasonCode.SIM_CHANGED_24H,
    "3d": ReasonCode.SIM_CHANGED_7D,
    "7d": ReasonCode.SIM_CHANGED_7D,
}
_NOT_OLD = frozenset({*AGE_STATES[:-1], BEFORE_BINDING})
_ABSENCES: Mapping[Unavailability, ReasonCode] = {
    Unavailability.NOT_PERMITTED: ReasonCode.NOT_CONSENTED,
    Unavailability.TIMEOUT: ReasonCode.OPERATOR_UNAVAILABLE,
    Unavailability.OPERATOR_ERROR: ReasonCode.OPERATOR_UNAVAILABLE,
    Unavailability.MALFORMED: ReasonCode.OPERATOR_UNAVAILABLE,
    Unavailability.BREAKER_OPEN: ReasonCode.OPERATOR_UNAVAILABLE,
    Unavailability.LATE: ReasonCode.OPERATOR_UNAVAILABLE,
}


class DecisionParts(msgspec.Struct, frozen=True):
    """What a decision consists of, for explaining it.

    ``outcome`` is the final one, ``cheapest`` the one that expected cost alone would have chosen; ``gates`` are codes;
    ``lacking`` the required groups without an observed member.
    """

    outcome: Outcome
    cheapest: Outcome
    gates: tuple[str, ...]
    lacking: tuple[SignalGroup, ...]


def explain(assessment: Assessment, evidence: Evidence, decision_parts: DecisionParts) -> tuple[Reason, ...]:
    """The principal reasons: every gate, then every adverse contribution above 0.3 nats, heaviest first, then the rest.

    Never empty for anything but an allow.
    """
    adverse = sorted(
        (one for one in assessment.contributions if one.nats > 0.0), key=lambda one: (-one.nats, one.signal)
    )
    worse: list[ReasonCode] = [ReasonCode(code) for code in decision_parts.gates]
    worse += [_adverse(one, evidence) for one in adverse if one.nats > PRINCIPAL_NATS]
    if assessment.conflict > CONFLICT_MAX:
        worse.append(ReasonCode.EVIDENCE_CONFLICT)
    worse += _absences(evidence, decision_parts.lacking)
    if decision_parts.cheapest > Outcome.ALLOW and assessment.evidence <= 0.0:
        worse.append(ReasonCode.ACTION_SENSITIVE)
    if decision_parts.outcome > Outcome.ALLOW and not worse:
        worse.append(_adverse(adverse[0], evidence) if adverse else ReasonCode.ACTION_SENSITIVE)
    better = [_CONFIRMED[one.signal] for one in assessment.contributions if _reassuring(one)]
    return (
        *(Reason(code.value, Effect.WORSE) for code in dict.fromkeys(worse)),
        *(Reason(code.value, Effect.BETTER) for code in better),
    )


def line_reason(assessment: Assessment, evidence: Evidence) -> str:
    """The code of what speaks most against SIM or device."""
    adverse = [one for one in assessment.contributions if one.signal in LINE and one.weight > 0.0]
    return (
        _adverse(max(adverse, key=lambda one: one.weight), evidence).value if adverse else ReasonCode.EVIDENCE_MISSING
    )


def safe_code(code: str) -> str:
    """What an agent may see of a single code; a reassuring one has no safe form and is told as *missing*."""
    return (_SAFE[ReasonCode(code)] or SafeCode.EVIDENCE_MISSING).value


def agent_safe(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """At most four reasons, in order, that do not tell which fact fired."""
    safe = [_SAFE[ReasonCode(reason.code)] for reason in reasons]
    codes = dict.fromkeys(code for code in safe if code is not None)
    return tuple(Reason(code.value, Effect.WORSE) for code in codes)[:AGENT_REASONS_MAX]


def _adverse(one: Contribution, evidence: Evidence) -> ReasonCode:
    """The code of one adverse contribution; it claims a change only where one is known to have happened."""
    signal = evidence.observed(one.signal)
    if signal is None:
        return (
            ReasonCode.UNKNOWN_NUMBER if one.state == Unavailability.UNKNOWN_SUBSCRIBER else ReasonCode.EVIDENCE_MISSING
        )
    if isinstance(signal.value, AgeRange):
        return _changed(one.signal, signal.value, evidence)
    return _ADVERSE[one.signal]


def _changed(name: SignalName, value: AgeRange, evidence: Evidence) -> ReasonCode:
    if value.at_most_s is None:
        return ReasonCode.EVIDENCE_MISSING  # the operator's window is too short to exclude a change
    if _ported_in(evidence):
        return ReasonCode.PORTED_IN
    if name is SignalName.SIM_SWAP:
        return _SIM_AGES.get(AGE_STATES[bin_of(value.at_most_s)], ReasonCode.SIM_CHANGED_30D)
    sim = evidence.observed(SignalName.SIM_SWAP)
    together = sim is not None and isinstance(sim.value, AgeRange) and _within_30_days(sim.value)
    return ReasonCode.DEVICE_CHANGED_WITH_SIM if together else ReasonCode.DEVICE_CHANGED


def _ported_in(evidence: Evidence) -> bool:
    """Whether the tenure began anew and the holder stayed, as after a change of operator; it weighs as any change."""
    tenure, recycled = (evidence.observed(name) for name in (SignalName.KYC_TENURE, SignalName.NUMBER_RECYCLING))
    anew = tenure is not None and isinstance(tenure.value, Tenure) and not tenure.value.continuous
    return anew and recycled is not None and recycled.value == Flag(active=False)


def _within_30_days(value: AgeRange) -> bool:
    """Whether a change is known to have happened in that time."""
    return value.at_most_s is not None and value.at_most_s <= BIN_EDGES_S[-2]


def _reassuring(one: Contribution) -> bool:
    """Whether a clean contribution may be put into words; a SIM of three weeks is not yet a long-standing line."""
    return one.nats < 0.0 and one.signal in _CONFIRMED and one.state not in _NOT_OLD


def _absences(evidence: Evidence, groups: tuple[SignalGroup, ...]) -> Iterator[ReasonCode]:
    """Why required signals are not there, beyond the fact that they are not."""
    for name in sorted({name for group in groups for name in group}):
        signal = evidence.get(name)
        if isinstance(signal, Unavailable) and signal.reason in _ABSENCES:
            yield _ABSENCES[signal.reason]
