"""The challenger: Bayes over the scenarios themselves. It runs beside the scorecard and decides nothing.

It knows that signals hang together in more ways than groups and pairs can say, and was two to three per cent cheaper in
the prototype. It never decides, for it broke "worse evidence never raises trust" in a fifth of single steps.
"""

import math
from collections.abc import Sequence

from broker.domain.decision import Challenger
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Flag, IdentityMatch, Match, Observed, Presence, SignalName, Tenure
from broker.policy import identity, tenure
from broker.policy.ages import bin_of
from broker.policy.evidence_table import EvidenceTable
from broker.policy.scenarios import STATES, IdentitySteps

_SHOWN = 3
_SHARE_MIN = 0.01


def challenge(table: EvidenceTable, prior: float, evidence: Evidence) -> Challenger:
    """The probability of fraud as the scenarios see it, and the likeliest of them.

    Args:
        table: the scenarios behind the weights.
        prior: the class's probability of fraud before any evidence.
        evidence: what is absent says nothing here.
    """
    seen = [one for one in evidence.signals if isinstance(one, Observed) and one.name in STATES]
    allowed = [(one.name, states) for one in seen if (states := _states(one, table.identity)) is not None]
    factors = list(zip(*(_likelihoods(table, *one) for one in allowed), strict=True)) or [()] * len(table.scenarios)
    masses = [
        (row, (prior if row.attack else 1.0 - prior) * row.share * math.prod(likelihoods))
        for row, likelihoods in zip(table.scenarios, factors, strict=True)
    ]
    whole = math.fsum(mass for _, mass in masses)
    if whole <= 0.0:  # no scenario can show this: the challenger has nothing to say
        return Challenger(prior, {})
    fraud = math.fsum(mass for row, mass in masses if row.attack) / whole
    likeliest = sorted(masses, key=lambda one: -one[1])[:_SHOWN]
    return Challenger(fraud, {row.name: mass / whole for row, mass in likeliest if mass / whole >= _SHARE_MIN})


def _likelihoods(table: EvidenceTable, name: SignalName, states: range) -> Sequence[float]:
    """How likely these states are in each scenario."""
    by_state = table.likelihoods[name]
    if len(states) == 1:
        return by_state[states[0]]
    return [math.fsum(together) for together in zip(*(by_state[at] for at in states), strict=True)]


def _states(signal: Observed, steps: IdentitySteps) -> range | None:
    """The states that an answer leaves open, as a range of indices, worst first; ``None`` where it says nothing."""
    order = STATES[signal.name]
    match signal.value:
        case AgeRange(at_least_s=low, at_most_s=high):
            return range(bin_of(low), len(order) if high is None else bin_of(high) + 1)
        case Tenure():
            at = tenure.state_at(tenure.covered_s(signal.value, signal.observed_at))
            return range(at, len(order)) if signal.value.continuous else range(at + 1)
        case IdentityMatch():
            if identity.likeness(signal.value) is None:
                return None
            return _only(order, identity.state(signal.value, steps))
        case Presence(overlap=overlap):
            return _only(order, overlap.value)
        case Match(matched=good):
            return _only(order, order[-1] if good else order[0])
        case Flag(active=bad):
            return _only(order, order[0] if bad else order[-1])
        case _:  # pragma: no cover - no other kind has states
            return None


def _only(order: Sequence[str], state: str) -> range:
    at = order.index(state)
    return range(at, at + 1)
