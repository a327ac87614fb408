"""What is told of a check and of a review: ids, codes, the decision; never a number, a score, a receipt, or words."""

from broker.domain.challenge import Challenge
from broker.domain.event import Event, EventKind
from broker.domain.record import Check
from broker.domain.review import Review
from broker.events.compose import Composer
from broker.policy.reasons import agent_safe
from broker.usecases.reviews.review_views import instant


def settled_event(compose: Composer, check: Check) -> Event:
    """A check was decided. Its reasons are those that an agent may see."""
    return _of_check(compose, EventKind.CHECK_SETTLED, check)


def revised_event(compose: Composer, check: Check) -> Event:
    """A check was decided again."""
    return _of_check(compose, EventKind.CHECK_REVISED, check)


def review_event(compose: Composer, kind: EventKind, review: Review, at_ms: int) -> Event:
    """Something happened to a review. Who reviews is not told, nor what they or the agent wrote."""
    data = {
        "reviewId": review.review_id,
        "state": str(review.state),
        "ruling": None if review.ruling is None else str(review.ruling),
        "code": None if review.code is None else str(review.code),
    }
    return compose(kind, review.tenant, review.check_id, instant(at_ms), data)


def challenge_event(compose: Composer, kind: EventKind, challenge: Challenge, at_ms: int) -> Event:
    """A challenge was started, or is over. What the person was sent is not told."""
    data = {
        "challengeId": challenge.challenge_id,
        "method": challenge.method,
        "state": str(challenge.state),
        "code": None if challenge.code is None else str(challenge.code),
    }
    return compose(kind, challenge.tenant, challenge.check_id, instant(at_ms), data)


def _of_check(compose: Composer, kind: EventKind, check: Check) -> Event:
    data = {
        "decision": check.decision.outcome.wire,
        "verdict": str(check.decision.verdict),
        "reasons": tuple(reason.code for reason in agent_safe(check.decision.reasons)),
        "actionType": check.action.type,
        "actionClass": check.action_class.wire,
        "consumer": check.consumer,
        "agent": check.agent,
        "policy": f"{check.policy_id}@{check.policy_version}",
    }
    return compose(kind, check.tenant, check.id, check.settled_at, data)
