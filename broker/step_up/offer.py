"""What a person can do now to let a check settle better: the next steps of an answer, and the ways that are closed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from broker.domain.decision import Decision, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import Observed, SignalName, Unavailability, Unavailable
from broker.domain.ways import Way, Ways, Withheld
from broker.policy.facts import unknown_number
from broker.policy.reasons import ReasonCode
from broker.policy.rules import ON_THE_PHONE_NETWORK, StepUpMethod

_NOBODY_ASKED = frozenset(
    {
        Unavailability.NOT_PERMITTED,
        Unavailability.NOT_APPLICABLE,
        Unavailability.UNSUPPORTED,
        Unavailability.SKIPPED,
    }
)


class NextStep(msgspec.Struct, frozen=True):
    """One way on, until ``expires_at``. ``kind`` is ``challenge`` (with its ``method``) or ``review``."""

    kind: Literal["challenge", "review"]
    method: str | None = None
    expires_at: datetime | None = None


class Lifetimes(msgspec.Struct, frozen=True):
    """How long a method can be started after a check has settled, in seconds.

    ``clean_s`` is for what goes over the phone network: a line that was clean then may be somebody else's soon.
    ``review_s`` is for asking a human.
    """

    within_s: int
    clean_s: int
    review_s: int


class Surroundings(msgspec.Struct, frozen=True):
    """What methods depend on beside the evidence.

    ``able`` are those that the operator of the number, or this deployment, can do at all. ``barred`` are those for
    which a legal basis is missing, or which the person has forbidden.
    """

    able: frozenset[str]
    barred: frozenset[str] = frozenset()


def ways(
    decision: Decision, evidence: Evidence, around: Surroundings, settled_at: datetime, lifetimes: Lifetimes
) -> Ways:
    """The ways that are open after a decision, safest first, and those that are closed; for a review a human alone.

    The decision has withheld each method whose channel the evidence puts in doubt; what is left is offered only where
    it can be begun.
    """
    if decision.outcome not in {Outcome.STEP_UP, Outcome.REVIEW}:
        return Ways()
    review_until = settled_at + timedelta(seconds=lifetimes.review_s)
    if decision.outcome is Outcome.REVIEW:
        return Ways(review_until=review_until)
    closed = {name: decision.withheld_for.get(name, ReasonCode.EVIDENCE_MISSING) for name in decision.methods_withheld}
    closed |= dict(_impossible(decision, evidence, around))
    return Ways(
        tuple(
            Way(name, settled_at + timedelta(seconds=_lifetime_s(name, lifetimes)))
            for name in decision.methods_offered
            if name not in closed
        ),
        # Defensive: by name, for an order that tells who withheld it tells why.
        tuple(Withheld(name, str(closed[name])) for name in sorted(closed)),
        review_until,
    )


def offer(decision: Decision, found: Ways | None) -> tuple[NextStep, ...]:
    """The steps for a decision, safest first; none after allow or deny.

    ``found`` is absent for checks of a release that did not look for ways.
    """
    if decision.outcome not in {Outcome.STEP_UP, Outcome.REVIEW}:
        return ()
    review = NextStep("review", None, found.review_until if found else None)
    if decision.outcome is Outcome.REVIEW:
        return (review,)
    if found is None:
        return (*(NextStep("challenge", method) for method in decision.methods_offered), review)
    return (*(NextStep("challenge", way.method, way.expires_at) for way in found.offered), review)


def _impossible(decision: Decision, evidence: Evidence, around: Surroundings) -> Iterator[tuple[str, ReasonCode]]:
    """What the evidence allows and nobody could begin. A factor of the tenant's own needs neither line nor operator."""
    unknown, line_known = unknown_number(evidence), evidence.observed(SignalName.SIM_SWAP) is not None
    unasked = _nobody_might_be_asked(evidence)
    for name in decision.methods_offered:
        method = StepUpMethod(name)
        if method is StepUpMethod.TENANT_FACTOR:
            continue
        if unknown:
            yield name, ReasonCode.UNKNOWN_NUMBER
        elif unasked or name in around.barred or _forbidden(method, evidence):
            yield name, ReasonCode.NOT_CONSENTED
        elif name not in around.able:
            yield name, ReasonCode.METHOD_UNSUPPORTED
        elif method in ON_THE_PHONE_NETWORK and not line_known:
            # Defensive: a code goes to whoever holds the SIM, so it takes an answer about the SIM, in every class.
            yield name, ReasonCode.EVIDENCE_MISSING


def _nobody_might_be_asked(evidence: Evidence) -> bool:
    """Whether nothing was asked, for want of consent.

    Defensive (T2): what an operator would do for such a person is not offered, or the offer would tell an agent that
    the number is known there.
    """
    reasons = {one.reason for one in evidence.signals if isinstance(one, Unavailable)}
    alone = reasons <= _NOBODY_ASKED and not any(isinstance(one, Observed) for one in evidence.signals)
    return alone and Unavailability.NOT_PERMITTED in reasons


def _forbidden(method: StepUpMethod, evidence: Evidence) -> bool:
    """Whether the proof of the SIM was not permitted: what was forbidden to ask alone is not asked in company."""
    found = evidence.get(SignalName.NUMBER_VERIFICATION)
    proves = method in {StepUpMethod.NETWORK_AUTH, StepUpMethod.OPERATOR_TOKEN}
    return proves and isinstance(found, Unavailable) and found.reason is Unavailability.NOT_PERMITTED


def _lifetime_s(method: str, lifetimes: Lifetimes) -> int:
    short = StepUpMethod(method) in ON_THE_PHONE_NETWORK
    return min(lifetimes.clean_s, lifetimes.within_s) if short else lifetimes.within_s
