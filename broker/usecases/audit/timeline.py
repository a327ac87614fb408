"""What happened around a check, in order of time, in sentences of codes; nothing that operators or agents wrote."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from broker.domain.outcome import OutcomeReport
from broker.domain.record import Check
from broker.domain.review import Review
from broker.domain.rights import SubjectRequest
from broker.storage.event_store import WaitingDelivery
from broker.storage.receipt_store import ReceiptEnd
from broker.usecases.view import ExplainedCheckView, SignalView


class Kind(StrEnum):
    """What a moment is."""

    ASKED = "asked"
    PLANNED = "planned"
    ANSWERED = "answered"
    NOT_ANSWERED = "not_answered"
    DECIDED = "decided"
    REVIEW = "review"
    SETTLED_AGAIN = "settled_again"
    RECEIPT = "receipt"
    REPORTED = "reported"
    WAITING = "waiting"
    REQUEST = "request"


class Moment(msgspec.Struct, frozen=True):
    """One thing that happened."""

    at: datetime
    kind: Kind
    text: str


class Beside(msgspec.Struct, frozen=True):
    """What is kept beside the record of a check."""

    first_settled_at: datetime
    review: Review | None
    ends: tuple[ReceiptEnd, ...]
    outcomes: tuple[OutcomeReport, ...]
    deliveries: tuple[WaitingDelivery, ...]
    requests: tuple[SubjectRequest, ...] = ()


def timeline(check: Check, shown: ExplainedCheckView, beside: Beside) -> tuple[Moment, ...]:
    """Every moment, earliest first; what happened at once stays in the order in which it is told here."""
    moments = [*_asked(check), *_answers(check, shown, beside), *_decided(check, shown, beside), *_later(beside)]
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _asked(check: Check) -> Iterator[Moment]:
    who = f"{check.consumer} through {check.agent}" if check.agent else check.consumer
    amount = f" {check.action.amount.value} {check.action.amount.currency}" if check.action.amount else ""
    channel = f" over {check.channel}" if check.channel else ""
    text = f"{who} asked for {check.action.type}{amount}{channel}, for {check.purpose}"
    yield Moment(check.started_at, Kind.ASKED, text)
    rules = f"{check.policy_id} version {check.policy_version} takes it as {check.action_class.wire}"
    floors = "".join(f"; {floor.code} asks for {floor.outcome.wire} at least" for floor in check.floors)
    yield Moment(check.started_at, Kind.PLANNED, rules + floors)
    if check.route is not None:
        sources = ", ".join(check.route.sources) or f"nobody ({check.route.code})"
        yield Moment(check.started_at, Kind.PLANNED, f"asked through {sources}, known by {check.route.by}")


def _answers(check: Check, shown: ExplainedCheckView, beside: Beside) -> Iterator[Moment]:
    for signal in shown.signals:
        if signal.observed_at is not None:
            # An earlier answer that was used again is told where it was used.
            at = max(signal.observed_at, check.started_at)
            yield Moment(at, Kind.ANSWERED, _answer(signal))
            continue
        at = min(check.started_at + timedelta(milliseconds=signal.latency_ms or 0), beside.first_settled_at)
        code = f" {signal.code}" if signal.code else ""
        source = f" at {signal.source.operator}" if signal.source else ""
        yield Moment(at, Kind.NOT_ANSWERED, f"{signal.name}: {signal.reason}{code}{source}")


def _answer(signal: SignalView) -> str:
    said = [f"{signal.name}: {signal.value or 'not weighed'}"]
    if signal.source is not None:
        again = ", an earlier answer" if signal.source.cached else ""
        said.append(f"{signal.source.operator}, {signal.source.api} {signal.source.version}{again}")
    if signal.window_s is not None:
        said.append(f"looking back {signal.window_s / 3600:.0f} h")
    if signal.legal_basis is not None:
        said.append(f"on {signal.legal_basis}" + (f" {signal.consent}" if signal.consent else ""))
    return "; ".join(said)


def _decided(check: Check, shown: ExplainedCheckView, beside: Beside) -> Iterator[Moment]:
    first = check.revisions[0].before if check.revisions else check.decision.outcome
    yield Moment(beside.first_settled_at, Kind.DECIDED, f"{first.wire}, recorded and signed")
    for revision in check.revisions:
        text = f"settled again because of {revision.cause} {revision.by}; it was {revision.before.wire}"
        yield Moment(revision.at, Kind.SETTLED_AGAIN, text)
    for proof in check.proofs:
        if proof.consent is not None:
            yield Moment(check.settled_at, Kind.ANSWERED, f"{proof.method} was proven on consent {proof.consent}")
    gates = f"; gates {', '.join(shown.gates)}" if shown.gates else ""
    reasons = ", ".join(reason.code for reason in shown.reasons) or "no reasons"
    score = f"trust score {shown.trust_score}, fraud {shown.probability:.4f}"
    stands = f"stands at {shown.decision}, {shown.verdict}: {reasons}; {score}{gates}"
    yield Moment(check.settled_at, Kind.DECIDED, stands)
    yield Moment(check.settled_at, Kind.RECEIPT, f"a receipt until {check.valid_until:%FT%TZ}")


def _later(beside: Beside) -> Iterator[Moment]:
    if beside.review is not None:
        yield from _review(beside.review)
    for end in beside.ends:
        reason = f" ({end.reason})" if end.reason else ""
        yield Moment(_instant(end.at_ms), Kind.RECEIPT, f"{end.receipt} {end.how} by {end.by}{reason}")
    for report in beside.outcomes:
        yield Moment(report.reported_at, Kind.REPORTED, f"{report.consumer} says that it was {report.outcome}")
    for request in beside.requests:
        yield from _request(request)
    for waiting in beside.deliveries:
        state = f"{waiting.kind} has not reached {waiting.webhook_id} yet, after {waiting.attempts} attempts"
        yield Moment(_instant(waiting.created_ms), Kind.WAITING, state)


def _review(review: Review) -> Iterator[Moment]:
    yield Moment(
        _instant(review.opened_ms), Kind.REVIEW, f"{review.requested_by} asked for a human ({review.review_id})"
    )
    if review.closed_ms is not None:
        who = f"{review.closed_by} decided" if review.closed_by else "nobody decided in time:"
        yield Moment(_instant(review.closed_ms), Kind.REVIEW, f"{who} {review.ruling} {review.code}")


def _request(request: SubjectRequest) -> Iterator[Moment]:
    """What the person themself has to say about it. Before they have proven who they are, they have said nothing."""
    if request.proven_ms is None:
        return
    proven = f"the person's {request.kind} ({request.request_id}), proven by {request.proven_by}"
    yield Moment(_instant(request.proven_ms), Kind.REQUEST, proven)
    if request.closed_ms is not None:
        answered = f"{request.closed_by} answers the {request.kind}: {request.state} {request.code}"
        yield Moment(_instant(request.closed_ms), Kind.REQUEST, answered)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
