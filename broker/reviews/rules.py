"""The state machine of a review, as functions from what it was to what it is.

::

    queued ──claim──> claimed ──decide──> decided
      ^                 │  │
      └──release/lease──┘  └── time over: expired, which means deny

Nothing here reads a clock or a store. Whoever stores the result does so only where the version is still the one that
was read, so that of two hundred people who claim a review at once one gets it.
"""

from collections.abc import Mapping

import msgspec

from broker.domain.check import Principal
from broker.domain.review import Review, ReviewAnswer, ReviewState, Ruling, RulingCode
from broker.errors import Conflict, Fault, InvalidRequest, NotPermitted

CODES: Mapping[Ruling, frozenset[RulingCode]] = {
    Ruling.APPROVE: frozenset({RulingCode.CUSTOMER_CONFIRMED, RulingCode.KNOWN_CHANGE, RulingCode.EXCEPTION}),
    Ruling.DENY: frozenset({RulingCode.SUSPECTED_FRAUD, RulingCode.NOT_CONFIRMED, RulingCode.NOT_ENOUGH_EVIDENCE}),
}
"""Which codes go with which ruling."""


def require_reviewer(review: Review, principal: Principal) -> None:
    """Let a person pass who is neither behind the check nor behind the wish for a review.

    Raises:
        NotPermitted: an agent, or the requester: nobody approves what they asked for themselves.
    """
    if principal.agent is not None:
        raise NotPermitted("reviews are decided by people: use a credential without an agent")
    if principal.consumer in {review.asked_by, review.requested_by}:
        raise NotPermitted("who asked cannot decide: a review needs somebody else")


def claim(review: Review, principal: Principal, now_ms: int, lease_ms: int) -> Review:
    """Take a review, or keep it for longer; a lease never outlasts the review.

    Raises:
        NotPermitted: by :func:`require_reviewer`.
        Conflict: it is closed, over, or somebody else's.
    """
    require_reviewer(review, principal)
    _require_open(review, now_ms)
    if _holder(review, now_ms) not in {None, principal.consumer}:
        raise Conflict("somebody else has claimed this review")
    return _moved(
        review,
        state=ReviewState.CLAIMED,
        claimed_by=principal.consumer,
        claimed_until_ms=min(now_ms + lease_ms, review.expires_ms),
    )


def release(review: Review, principal: Principal, now_ms: int) -> Review:
    """Give a review back to the queue.

    Raises:
        Conflict: it is closed, or not the caller's.
    """
    _require_held(review, principal, now_ms)
    return _moved(review, state=ReviewState.QUEUED, claimed_by=None, claimed_until_ms=None)


def decide(review: Review, principal: Principal, answer: ReviewAnswer, now_ms: int, settle_within_ms: int) -> Review:
    """Close a review that the caller holds. ``settle_within_ms`` is when the sweeper looks whether its check followed.

    Raises:
        InvalidRequest: the code does not go with the ruling, or the reason is empty.
        NotPermitted: by :func:`require_reviewer`.
        Conflict: it is closed, over, or not the caller's.
    """
    require_reviewer(review, principal)
    _require_sound(answer)
    _require_held(review, principal, now_ms)
    return _moved(
        review,
        state=ReviewState.DECIDED,
        claimed_until_ms=None,
        closed_by=principal.consumer,
        closed_ms=now_ms,
        due_ms=now_ms + settle_within_ms,
        ruling=answer.ruling,
        code=answer.code,
        reason=answer.reason,
    )


def withdraw(review: Review, principal: Principal, now_ms: int, settle_within_ms: int) -> Review:
    """Close a review for whoever asked for it: deny. The caller has made sure of who that is.

    Raises:
        Conflict: it is closed, or over.
    """
    _require_open(review, now_ms)
    return _moved(
        review,
        state=ReviewState.DECIDED,
        claimed_until_ms=None,
        closed_by=principal.consumer,
        closed_ms=now_ms,
        due_ms=now_ms + settle_within_ms,
        ruling=Ruling.DENY,
        code=RulingCode.WITHDRAWN,
        reason="",
    )


def expire(review: Review, now_ms: int) -> Review:
    """Close a review that nobody decided in time: deny.

    Raises:
        Conflict: it is closed, or its time is not over.
    """
    if not review.is_open:
        raise Conflict(f"this review is {review.state} already")
    if now_ms < review.expires_ms:
        raise Conflict("the time of this review is not over")
    return _moved(
        review,
        state=ReviewState.EXPIRED,
        claimed_until_ms=None,
        closed_ms=now_ms,
        due_ms=now_ms,
        ruling=Ruling.DENY,
        code=RulingCode.TIMED_OUT,
    )


def later(review: Review, at_ms: int) -> Review:
    """The check could not follow now; look again at an instant."""
    return _moved(review, due_ms=at_ms)


def followed(review: Review) -> Review:
    """The check has settled again by what came of this review; nobody has to look at it any more."""
    return _moved(review, due_ms=None)


def _require_sound(answer: ReviewAnswer) -> None:
    faults = []
    if answer.code not in CODES[answer.ruling]:
        codes = ", ".join(sorted(CODES[answer.ruling]))
        faults.append(Fault("/code", f"with {answer.ruling} send one of: {codes}"))
    if not answer.reason.strip():
        faults.append(Fault("/reason", "say why, in your own words"))
    if faults:
        raise InvalidRequest("the ruling cannot be taken", faults)


def _require_open(review: Review, now_ms: int) -> None:
    if not review.is_open:
        raise Conflict(f"this review is {review.state} already")
    if now_ms >= review.expires_ms:
        raise Conflict("the time of this review is over, which means deny")


def _require_held(review: Review, principal: Principal, now_ms: int) -> None:
    _require_open(review, now_ms)
    if _holder(review, now_ms) != principal.consumer:
        raise Conflict("claim this review first: it is not yours, or your lease is over")


def _holder(review: Review, now_ms: int) -> str | None:
    leased = review.state is ReviewState.CLAIMED and now_ms < (review.claimed_until_ms or 0)
    return review.claimed_by if leased else None


def _moved(review: Review, **changes: object) -> Review:
    return msgspec.structs.replace(review, version=review.version + 1, **changes)
