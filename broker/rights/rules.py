"""The state machine of a person's request, as functions from what it was to what it is.

::

    unproven ──proof, or staff vouch──> accepted ──> answered
       │  └── an answer that is collected at once ───────^
       ├── time over: lapsed
       └── staff refuse, with the reason (from accepted, too): refused

Nothing here reads a clock or a store. Whoever stores the result does so only where the version is still the one that
was read, so that of two hundred who collect an answer at once one gets it.
"""

import msgspec

from broker.domain.check import Principal
from broker.domain.decision import Outcome
from broker.domain.record import Cause, Check
from broker.domain.review import Review
from broker.domain.rights import REFUSALS, RequestCode, RequestState, SubjectRequest
from broker.errors import Conflict, Fault, InvalidRequest, NotPermitted

PROVES = frozenset({"network_auth", "operator_token", "sms_otp"})
"""Step-up methods that show that the number is somebody's. A factor of the tenant's own is for its staff to vouch."""

VOUCHED = "vouched"


def count_proof(request: SubjectRequest, proofs_max: int, now_ms: int) -> SubjectRequest:
    """One more try to prove the number; the one before counts no more.

    Raises:
        Conflict: nothing is to be proven, the time for it is over, or it was tried often enough.
    """
    require_unproven(request, now_ms)
    if request.proofs >= proofs_max:
        raise Conflict("it was tried often enough to prove this number: let your staff vouch for the person")
    return _moved(request, proof=None, proofs=request.proofs + 1)


def prove_by(request: SubjectRequest, check_id: str) -> SubjectRequest:
    """The check in which the person can prove the number is made."""
    return _moved(request, proof=check_id)


def proving_method(request: SubjectRequest, check: Check, mark: str, now_ms: int, fresh_ms: int) -> str | None:
    """The method by which a check proves a request, now; ``None`` where it does not.

    Defensive: it has to be the very check that was made for this request, about this person and this kind of request;
    allowed for a challenge that was met, and by no human; and none of that long ago. What an operator said since, late
    or by an event, has settled the check again, and a channel that is in doubt allows nothing then.
    """
    made_for = (check.id, check.action.type, check.action.resource_mark, bytes.fromhex(check.subject))
    if made_for != (request.proof, f"subject.{request.kind}", mark, request.subject):
        return None
    if check.decision.outcome is not Outcome.ALLOW or check.ruling is not None:
        return None
    proven = [one for one in check.revisions if one.cause is Cause.CHALLENGE]
    if not proven or now_ms - int(proven[-1].at.timestamp() * 1000) >= fresh_ms:
        return None
    return next((one.method for one in check.proofs if one.met and one.method in PROVES), None)


def accept(request: SubjectRequest, method: str, now_ms: int) -> SubjectRequest:
    """The person has proven the number.

    Raises:
        Conflict: it is past that.
    """
    require_unproven(request, now_ms)
    return _moved(proven(request, method, now_ms), state=RequestState.ACCEPTED)


def proven(request: SubjectRequest, method: str, now_ms: int) -> SubjectRequest:
    """The same request with its proof noted, on the way to an answer that is given in the same step."""
    return msgspec.structs.replace(request, proven_ms=now_ms, proven_by=method)


def vouch(request: SubjectRequest, principal: Principal, now_ms: int, sealed: bytes) -> SubjectRequest:
    """Somebody of the tenant's staff knows the person, and says how.

    Raises:
        Conflict: it is past that.
    """
    require_unproven(request, now_ms)
    return _moved(
        request,
        state=RequestState.ACCEPTED,
        proven_ms=now_ms,
        proven_by=VOUCHED,
        vouched_by=principal.consumer,
        sealed=sealed,
    )


def answer(
    request: SubjectRequest, code: RequestCode, by: str, now_ms: int, sealed: bytes | None = None
) -> SubjectRequest:
    """It has been answered.

    Raises:
        Conflict: it was closed before: an answer is given once.
    """
    require_open(request)
    kept = request.sealed if sealed is None else sealed
    return _closed(request, RequestState.ANSWERED, code, by, now_ms, kept)


def refuse(request: SubjectRequest, code: RequestCode, by: str, now_ms: int, sealed: bytes) -> SubjectRequest:
    """Staff refuse it.

    Raises:
        InvalidRequest: the code is none to refuse with.
        Conflict: it is closed.
    """
    if code not in REFUSALS:
        raise InvalidRequest(
            "this is no reason to refuse", [Fault("/code", f"send one of: {', '.join(sorted(REFUSALS))}")]
        )
    require_open(request)
    return _closed(request, RequestState.REFUSED, code, by, now_ms, sealed)


def lapse(request: SubjectRequest, now_ms: int) -> SubjectRequest:
    """Nobody proved anything in time. What was written goes; whoever asked may ask again.

    Raises:
        Conflict: it is past that, or its time is not over.
    """
    if request.state is not RequestState.UNPROVEN or now_ms < request.lapses_ms:
        raise Conflict("the time to prove this number is not over")
    return _closed(request, RequestState.LAPSED, RequestCode.TIMED_OUT, "the clock", now_ms, b"")


def extend(request: SubjectRequest, now_ms: int, sealed: bytes) -> SubjectRequest:
    """Give it more time, once.

    Raises:
        Conflict: it is closed, over already, was extended, or cannot be by the law of that country.
    """
    require_open(request)
    if request.extended_ms is not None:
        raise Conflict("the time for this request was extended already, and that is possible once")
    if request.extendable_to_ms is None:
        raise Conflict("the law of this number's country knows no extension: answer by the day that it is due")
    if now_ms >= request.due_ms:
        raise Conflict("this request is overdue: an extension has to be told before that; answer it")
    return _moved(request, due_ms=request.extendable_to_ms, extended_ms=now_ms, sealed=sealed)


def require_uninvolved(request: SubjectRequest, principal: Principal, check: Check, review: Review | None) -> None:
    """Let a person decide who had no part in the check, in its review, or in the request.

    Raises:
        NotPermitted: an agent, or somebody who had.
    """
    if principal.agent is not None:
        raise NotPermitted("this is decided by people: use a credential without an agent")
    involved = {check.consumer, request.opened_by, request.vouched_by}
    if review is not None:
        involved |= {review.asked_by, review.requested_by, review.claimed_by, review.closed_by}
    if principal.consumer in involved:
        raise NotPermitted("you had a part in this: somebody else has to look at it")


def require_open(request: SubjectRequest) -> None:
    """Raises *Conflict* where it is closed."""
    if not request.is_open:
        raise Conflict(f"this request is {request.state} already: open another one")


def require_unproven(request: SubjectRequest, now_ms: int) -> None:
    """Raises *Conflict* where nothing is to be proven any more."""
    require_open(request)
    if request.state is not RequestState.UNPROVEN:
        raise Conflict("this request is accepted already")
    if now_ms >= request.lapses_ms:
        raise Conflict("the time to prove this number is over: open another request")


def _closed(
    request: SubjectRequest, state: RequestState, code: RequestCode, by: str, now_ms: int, sealed: bytes
) -> SubjectRequest:
    return _moved(request, state=state, code=code, closed_by=by, closed_ms=now_ms, sealed=sealed)


def _moved(request: SubjectRequest, **changes: object) -> SubjectRequest:
    return msgspec.structs.replace(request, version=request.version + 1, **changes)
