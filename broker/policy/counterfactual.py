"""What would have changed the decision: the fewest signals whose clean answer makes it looser."""

from collections.abc import Collection, Iterator
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
    of them at once tells whether to search at all, and a look at all but one whether that one is in every such set.
    """
    if decision.outcome is Outcome.ALLOW:
        return None
    # By weight, and an absent signal (which weighs nothing) before one that is clean already.
    order = sorted(assessment.contributions, key=lambda one: (-one.nats, one.signal))
    names = tuple(one.signal for one in order if not what_if.as_clean_as_can_be(evidence, one.signal))
    if what_if.if_clean(evidence, names).outcome >= decision.outcome:
        return None
    needed = {
        name
        for name in names
        if what_if.if_clean(evidence, (one for one in names if one is not name)).outcome >= decision.outcome
    }
    return next(_looser(what_if, evidence, _sets(names, needed), decision.outcome))


def _sets(names: tuple[SignalName, ...], needed: Collection[SignalName]) -> Iterator[frozenset[SignalName]]:
    """The sets that hold all that are needed, the smaller ones first, and of one size the heavier ones."""
    optional = [name for name in names if name not in needed]
    for more in range(len(optional) + 1):
        for chosen in combinations(optional, more):
            yield frozenset(needed).union(chosen)


def _looser(
    what_if: WhatIf, evidence: Evidence, sets: Iterator[frozenset[SignalName]], outcome: Outcome
) -> Iterator[Counterfactual]:
    for chosen in sets:
        instead = what_if.if_clean(evidence, chosen).outcome
        if instead < outcome:
            yield Counterfactual(tuple(sorted(chosen)), instead)
