"""A check before a human: who asked, who looks at it, what came of it. Instants are milliseconds, UTC."""

from enum import StrEnum

import msgspec


class ReviewState(StrEnum):
    """Where a review stands; nothing follows the last two."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    """Somebody has it, until their lease is over."""
    DECIDED = "decided"
    EXPIRED = "expired"
    """Nobody decided in time, which means deny."""


class Ruling(StrEnum):
    """What a human says."""

    APPROVE = "approve"
    DENY = "deny"


class RulingCode(StrEnum):
    """Why, for programs; the reviewer's own words say it for people."""

    CUSTOMER_CONFIRMED = "CUSTOMER_CONFIRMED"
    KNOWN_CHANGE = "KNOWN_CHANGE"
    EXCEPTION = "EXCEPTION"
    SUSPECTED_FRAUD = "SUSPECTED_FRAUD"
    NOT_CONFIRMED = "NOT_CONFIRMED"
    NOT_ENOUGH_EVIDENCE = "NOT_ENOUGH_EVIDENCE"
    TIMED_OUT = "TIMED_OUT"
    """Given by the clock and by nobody else."""
    WITHDRAWN = "WITHDRAWN"
    """Given by whoever asked, and by nobody else: nobody approved it."""


class ReviewAnswer(msgspec.Struct, frozen=True):
    """What a reviewer hands in: the ruling, its code, and a reason in their own words."""

    ruling: Ruling
    code: RulingCode
    reason: str

    def __repr__(self) -> str:  # a reason may hold anything
        return f"ReviewAnswer({self.ruling}, {self.code})"


class QueueFilter(msgspec.Struct, frozen=True):
    """Which reviews of a queue; an empty text means any."""

    state: str = ""
    action_class: str = ""
    action_type: str = ""
    claimed_by: str = ""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a human, about one settled check.

    ``asked_by`` is the consumer of the check and ``requested_by`` that of whoever wanted the review: neither may decide
    it. ``revision`` is the revision of the check that the reviewer sees. ``version`` moves with every change, so that
    of many changes at once exactly one is made. ``due_ms`` is when the sweeper has to look next, ``None`` for never.
    ``closed_by`` is empty for an expired one. ``subject`` is the tenant's pseudonym.
    """

    tenant: str
    review_id: str
    check_id: str
    revision: int
    state: ReviewState
    version: int
    subject: bytes
    action_type: str
    action_class: str
    asked_by: str
    asked_agent: str | None
    requested_by: str
    requested_agent: str | None
    justification: str
    opened_ms: int
    expires_ms: int
    due_ms: int | None
    claimed_by: str | None = None
    claimed_until_ms: int | None = None
    closed_by: str | None = None
    closed_ms: int | None = None
    ruling: Ruling | None = None
    code: RulingCode | None = None
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for a human still."""
        return self.state in {ReviewState.QUEUED, ReviewState.CLAIMED}

    def __repr__(self) -> str:  # justification and reason may hold anything
        return f"Review({self.tenant}, {self.review_id}, {self.state})"
