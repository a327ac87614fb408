"""How long one person has held a line, from the answer about a single day; and what a change before that day means."""

import math
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Tenure
from broker.policy.ages import DAY_S, HOUR_S
from broker.policy.derive import SignalWeights
from broker.policy.scenarios import TENURE_STATES

_EDGES_S = (HOUR_S, 30 * DAY_S, 730 * DAY_S, 36_500 * DAY_S)
_LOG_EDGES = tuple(math.log(edge) for edge in _EDGES_S)


def read(value: Tenure, observed_at: datetime, weights: SignalWeights, *, strict: bool) -> tuple[str, float]:
    """The state and the weight of an answer about the day ``value.since``.

    "Continuous" leaves everything longer open, "not continuous" everything shorter; either is weighed by the mean
    likelihood ratio of what it leaves open, and ``strict`` takes the youngest line where the tenure was broken. A
    confirmation never counts against anybody, however recent the day.
    """
    age_s = covered_s(value, observed_at)
    if value.continuous:
        return _state(age_s), min(0.0, _mean(weights, age_s, _EDGES_S[-1]))
    if strict:
        return TENURE_STATES[0], weights.weights[0]
    return _state(age_s), _mean(weights, _EDGES_S[0], age_s)


def covered_s(value: Tenure, observed_at: datetime) -> float:
    """The seconds back to the day that was asked about, of which there may be none."""
    return max(0.0, (observed_at - datetime.combine(value.since, time(), UTC)).total_seconds())


def state_at(age_s: float) -> int:
    """The index of the state that a tenure of this length has."""
    return sum(age_s >= edge for edge in _EDGES_S[1:-1])


def before_binding(evidence: Evidence, action_class: ActionClass) -> frozenset[SignalName]:
    """SIM and handset, where their last change lies before the person was linked to the number.

    Who binds a number on the day of activation shows a fresh SIM that nobody has taken over. The operator must confirm
    one holder since that day; the day itself counts, for people sign up on the day they get their line. The day is the
    caller's word, so for critical actions it excuses nothing, and the gate of the first day never looks at it.
    """
    bound = bound_since(evidence.get(SignalName.KYC_TENURE), action_class)
    if bound is None:
        return frozenset()
    changes = (evidence.observed(name) for name in (SignalName.SIM_SWAP, SignalName.DEVICE_SWAP))
    return frozenset(one.name for one in changes if one is not None and latest_day(one) <= bound)


def bound_since(tenure: Signal | None, action_class: ActionClass) -> date | None:
    """The day since which one holder is confirmed, where that excuses changes from before it."""
    if action_class is ActionClass.CRITICAL or not isinstance(tenure, Observed):
        return None
    value = tenure.value
    return value.since if isinstance(value, Tenure) and value.continuous else None


def latest_day(change: Observed) -> date:
    """The last day, in UTC, on which the change may have been."""
    age_s = change.value.at_least_s if isinstance(change.value, AgeRange) else 0.0
    at = change.observed_at - timedelta(seconds=min(age_s, _EDGES_S[-1]))
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).date()


def _state(age_s: float) -> str:
    return TENURE_STATES[state_at(age_s)]


def _mean(weights: SignalWeights, from_s: float, to_s: float) -> float:
    """The log of the mean likelihood ratio between two ages, as legitimate lines lie in log-time."""
    low, high = (math.log(min(max(age_s, _EDGES_S[0]), _EDGES_S[-1])) for age_s in (from_s, to_s))
    parts = [
        (mass * max(0.0, min(end, high) - max(start, low)) / (end - start), weight)
        for (start, end), mass, weight in zip(pairwise(_LOG_EDGES), weights.legitimate, weights.weights, strict=True)
    ]
    total = math.fsum(part for part, _ in parts)
    if total <= 0.0:
        return weights.weights[0] if to_s <= _EDGES_S[1] else weights.weights[-1]
    return math.log(math.fsum(part * math.exp(weight) for part, weight in parts) / total)
