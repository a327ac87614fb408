"""What a person can do now to let a check settle better: the next steps of an answer."""

from typing import Literal

import msgspec

from broker.domain.decision import Decision, Outcome


class NextStep(msgspec.Struct, frozen=True):
    """One way on. ``kind`` is ``challenge`` (with its ``method``) or ``review``."""

    kind: Literal["challenge", "review"]
    method: str | None = None


def offer(decision: Decision) -> tuple[NextStep, ...]:
    """The steps for a decision, safest first; none after allow or deny.

    The methods come from the decision, which has already withheld every one whose channel the evidence puts in doubt.
    """
    challenges = tuple(NextStep("challenge", method) for method in decision.methods_offered)
    if decision.outcome is Outcome.STEP_UP:
        return (*challenges, NextStep("review"))
    if decision.outcome is Outcome.REVIEW:
        return (NextStep("review"),)
    return ()
