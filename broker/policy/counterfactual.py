"""What would have changed the decision: the fewest signals whose clean answer makes it looser."""

from collections.abc import Iterator
from itertools import combinations

from broker.domain.decision import Assessment, Counterfactual, Decision, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy.what_if import WhatIf


def counterfactual(
    what_if: WhatIf, evidence: Evidence, assessment: Assessment, decision: Decision
) -> Counterfactual | None:
    """The smallest set of signals whose clean state loosens the decision; ``None`` where no clean answer would.

    Among sets of one size the one with the heaviest signals comes first. Clean answers never tighten, so a look at all
    of them at once tells whether to search at all.
    """
    if decision.outcome is Outcome.ALLOW:
        return None
    # By weight, and an absent signal (which weighs nothing) before one that is clean already.
    order = sorted(assessment.contributions, key=lambda one: (-one.nats, one.signal))
    names = tuple(one.signal for one in order)
    if what_if.if_clean(evidence, names) >= decision.outcome:
        return None
    return next(_looser(what_if, evidence, names, decision.outcome))


def _looser(
    what_if: WhatIf, evidence: Evidence, names: tuple[SignalName, ...], outcome: Outcome
) -> Iterator[Counterfactual]:
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            instead = what_if.if_clean(evidence, chosen)
            if instead < outcome:
                yield Counterfactual(tuple(sorted(chosen)), instead)
