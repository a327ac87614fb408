"""What is told about reviews: a handle for whoever waits, the queue and the evidence for whoever decides."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from broker.domain.check import Principal
from broker.domain.decision import ClassName, Outcome, OutcomeName
from broker.domain.record import Check
from broker.domain.review import Review, ReviewState, Ruling, RulingCode
from broker.storage.review_store import PastAsking
from broker.usecases.view import (
    ChargeView,
    CounterfactualView,
    ExplainedCheckView,
    ReasonView,
    SignalView,
    WithheldView,
    WordsView,
)

HandleStatus = Literal["pending", "approved", "denied", "expired", "cancelled"]
"""Where a request for a human stands, in the words of AuthZEN's access-request profile."""


class ReviewHandle(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What somebody who waits for a human may know. The answer itself is the check: read it again."""

    id: str
    check_id: str
    status: HandleStatus
    opened_at: datetime
    expires_at: datetime
    href: str


class ReviewOut(ReviewHandle, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A review as those see it who decide. ``askedBy`` and ``requestedBy`` may not decide it.

    The list leaves ``reason`` out.
    """

    state: ReviewState
    action_type: str
    action_class: str
    asked_by: str
    asked_agent: str | None = None
    requested_by: str
    requested_agent: str | None = None
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    decided_by: str | None = None
    closed_at: datetime | None = None
    ruling: Ruling | None = None
    code: RulingCode | None = None
    reason: str | None = None


class ReviewsOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A page of the queue, oldest first; ``next`` is what to send as ``after`` for the one behind it."""

    reviews: tuple[ReviewOut, ...]
    next: str | None = None


class PathStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step through the policy: what was looked at, and the decision after it."""

    step: Literal["class", "expected_cost", "gate", "floor", "decision"]
    code: str
    decision: OutcomeName | None = None


class AskedBefore(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What was asked about the same subject earlier, and what it turned out to be where somebody said so."""

    check_id: str
    at: datetime
    action_type: str
    action_class: str
    decision: str
    asked_by: str
    asked_agent: str | None = None
    outcome: str | None = None


class EvidencePack(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Everything that a reviewer needs, facts first; what the agent says for itself comes last, as plain text.

    ``path`` leads through the policy to the decision, ``wouldChange`` is the fewest signals whose clean answer would
    have loosened it, ``history`` what was asked about this subject, latest first.
    """

    decision: OutcomeName
    verdict: str
    trust_band: str
    trust_score: int
    confidence: str
    policy: str
    action_class: ClassName
    amount: ChargeView | None
    flags: dict[str, bool]
    reasons: tuple[ReasonView, ...]
    words: WordsView
    path: tuple[PathStep, ...]
    signals: tuple[SignalView, ...]
    would_change: CounterfactualView | None
    withheld: tuple[WithheldView, ...]
    history: tuple[AskedBefore, ...]
    justification: str = ""


class ReviewFile(ReviewOut, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A review with its evidence."""

    evidence: EvidencePack


def status_of(review: Review) -> HandleStatus:
    """Where it stands for whoever waits."""
    if review.state is ReviewState.EXPIRED:
        return "expired"
    if review.ruling is None:
        return "pending"
    if review.code is RulingCode.WITHDRAWN:
        return "cancelled"
    return "approved" if review.ruling is Ruling.APPROVE else "denied"


def handle(review: Review) -> ReviewHandle:
    """The little that the requester may know."""
    return ReviewHandle(*_common(review))


def shown(review: Review, reason: str | None = None) -> ReviewOut:
    """For those who decide; ``reason`` as it was written, where it is to be told."""
    return ReviewOut(*_common(review), **_members(review), reason=reason)


def shown_with(review: Review, pack: EvidencePack, reason: str | None) -> ReviewFile:
    """For those who decide, with the evidence."""
    return ReviewFile(*_common(review), **_members(review), reason=reason, evidence=pack)


def evidence_pack(
    check: Check, explained: ExplainedCheckView, history: Sequence[PastAsking], justification: str
) -> EvidencePack:
    """The evidence of a check for a human; ``explained`` is its view in full."""
    amount = check.action.amount
    return EvidencePack(
        decision=explained.decision,
        verdict=explained.verdict,
        trust_band=explained.trust_band,
        trust_score=explained.trust_score,
        confidence=explained.confidence,
        policy=f"{check.policy_id}@{check.policy_version}",
        action_class=check.action_class.wire,
        amount=None if amount is None else ChargeView(str(amount.value), amount.currency),
        flags=check.action.flags,
        reasons=explained.reasons,
        words=explained.words,
        path=tuple(_path(check)),
        signals=explained.signals,
        would_change=explained.counterfactual,
        withheld=explained.withheld,
        history=tuple(_before(one) for one in history if one.check_id != check.id),
        justification=justification,
    )


def _path(check: Check) -> Iterator[PathStep]:
    costs = check.decision.expected_costs
    yield PathStep("class", check.action_class.wire)
    for outcome in sorted(Outcome, key=lambda one: (costs.get(one.wire, math.inf), one))[:1]:
        yield PathStep("expected_cost", f"{costs.get(outcome.wire, math.inf):.4f}", outcome.wire)
    floors = {floor.code: floor.outcome.wire for floor in check.floors}
    for code in check.decision.gates:
        yield PathStep("floor", code, floors[code]) if code in floors else PathStep("gate", code)
    yield PathStep("decision", check.decision.verdict, check.decision.outcome.wire)


def _before(one: PastAsking) -> AskedBefore:
    return AskedBefore(
        one.check_id,
        instant(one.settled_ms),
        one.action_type,
        one.action_class,
        one.decision,
        one.consumer,
        one.agent,
        one.outcome,
    )


def _common(review: Review) -> tuple[str, str, HandleStatus, datetime, datetime, str]:
    return (
        review.review_id,
        review.check_id,
        status_of(review),
        instant(review.opened_ms),
        instant(review.expires_ms),
        f"/v1/trust-checks/{review.check_id}",
    )


def _members(review: Review) -> dict[str, Any]:
    return {
        "state": review.state,
        "action_type": review.action_type,
        "action_class": review.action_class,
        "asked_by": review.asked_by,
        "asked_agent": review.asked_agent,
        "requested_by": review.requested_by,
        "requested_agent": review.requested_agent,
        "claimed_by": review.claimed_by,
        "claimed_until": None if review.claimed_until_ms is None else instant(review.claimed_until_ms),
        "decided_by": review.closed_by,
        "closed_at": None if review.closed_ms is None else instant(review.closed_ms),
        "ruling": review.ruling,
        "code": review.code,
    }


def is_requester(review: Review, principal: Principal) -> bool:
    """Whether this caller is behind the check or behind the wish for a review."""
    return (principal.consumer, principal.agent) in {
        (review.asked_by, review.asked_agent),
        (review.requested_by, review.requested_agent),
    }


def instant(ms: int) -> datetime:
    """Milliseconds since the epoch as an instant."""
    return datetime.fromtimestamp(ms / 1000, UTC)
