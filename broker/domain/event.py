"""What happened, for those outside who want to hear of it; ids, codes and decisions only."""

from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """Everything that is told."""

    CHECK_SETTLED = "check.settled"
    CHECK_REVISED = "check.revised"
    """A settled check has settled again, by a challenge, a review, or what an operator told later."""
    CHALLENGE_STARTED = "challenge.started"
    CHALLENGE_ENDED = "challenge.ended"
    REVIEW_REQUESTED = "review.requested"
    REVIEW_CLAIMED = "review.claimed"
    REVIEW_RELEASED = "review.released"
    REVIEW_DECIDED = "review.decided"
    REVIEW_EXPIRED = "review.expired"
    WATCH_WORSENED = "watch.worsened"
    """Somebody's trust is worse than when it was last looked at; events about watches name the watch."""
    WATCH_UNSURE = "watch.unsure"
    """Less can be seen of them than before: nobody can tell."""
    WATCH_ENDED = "watch.ended"
    BUDGET_LOW = "budget.low"
    """Most of a month's money is spent; the event names the budget in the place of a check."""
    SUBJECT_REQUEST_OPENED = "subject_request.opened"
    """A person asks about their own data; events about that name the request in the place of a check."""
    SUBJECT_REQUEST_ACCEPTED = "subject_request.accepted"
    SUBJECT_REQUEST_EXTENDED = "subject_request.extended"
    SUBJECT_REQUEST_CLOSED = "subject_request.closed"


class Event(msgspec.Struct, frozen=True):
    """One thing that happened to one check, ready to be sent: ``body`` is the same for every receiver and attempt."""

    tenant: str
    event_id: str
    check_id: str
    kind: str
    body: bytes
    created_ms: int

    def __repr__(self) -> str:
        return f"Event({self.tenant}, {self.event_id}, {self.kind})"


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tenant wants to hear of events; ``kinds`` empty means all.

    Its secrets are derived from ``generation``, and are not stored. The one before is used beside it until
    ``previous_until_ms``, so that a receiver has time to change over.
    """

    tenant: str
    webhook_id: str
    url: str
    kinds: tuple[str, ...]
    generation: int
    previous_until_ms: int
    created_by: str
    created_ms: int
    disabled_ms: int | None = None
    disabled_why: str | None = None

    def __repr__(self) -> str:  # a URL may carry a token
        return f"Webhook({self.tenant}, {self.webhook_id})"


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one webhook. ``attempts`` were made before this one; ``seq`` is the order of all."""

    seq: int
    tenant: str
    webhook_id: str
    event_id: str
    check_id: str
    kind: str
    body: bytes
    attempts: int

    def __repr__(self) -> str:
        return f"Delivery({self.seq}, {self.tenant}, {self.event_id})"
