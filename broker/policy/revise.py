"""What people add to a decision: challenges that were met or not, and the ruling of a human. Pure, like the rest."""

import msgspec

from broker.domain.decision import Decision, Effect, Outcome, Reason
from broker.domain.record import HumanRuling, Proof
from broker.policy.reasons import ReasonCode


def revised(decision: Decision, proofs: tuple[Proof, ...], ruling: HumanRuling | None) -> Decision:
    """The decision with what people added to it.

    A ruling takes the place of the outcome, except where somebody stopped the action: a stop is for everybody. Without
    one, a challenge that was met answers the question that ``step_up`` asks, and nothing else: it loosens no review and
    no denial, and it counts only while its method is still offered, for evidence that came since may have put its
    channel in doubt. A method that somebody failed is offered no more; with none left a human has to look.

    Args:
        decision: what the evidence says by itself.
        proofs: how challenges ended, in any order.
        ruling: what a human decided, where one did.
    """
    if ReasonCode.STOPPED.value in decision.gates:
        return decision
    if ruling is not None:
        return _ruled(decision, ruling)
    failed = frozenset(proof.method for proof in proofs if not proof.met)
    met = any(proof.met and proof.method in decision.methods_offered and proof.method not in failed for proof in proofs)
    if met and decision.outcome is Outcome.STEP_UP:
        return _with(decision, Outcome.ALLOW, ReasonCode.CHALLENGE_MET, Effect.BETTER)
    return _without(decision, failed) if failed else decision


def _ruled(decision: Decision, ruling: HumanRuling) -> Decision:
    if ruling.outcome is Outcome.ALLOW:
        return _with(decision, Outcome.ALLOW, ReasonCode.REVIEW_APPROVED, Effect.BETTER)
    return _with(decision, Outcome.DENY, ReasonCode.REVIEW_DENIED, Effect.WORSE)


def _with(decision: Decision, outcome: Outcome, code: ReasonCode, effect: Effect) -> Decision:
    reason = Reason(code.value, effect)
    reasons = (reason, *decision.reasons) if effect is Effect.WORSE else (*decision.reasons, reason)
    return msgspec.structs.replace(decision, outcome=outcome, reasons=reasons)


def _without(decision: Decision, failed: frozenset[str]) -> Decision:
    offered = tuple(method for method in decision.methods_offered if method not in failed)
    outcome = decision.outcome
    if outcome is Outcome.STEP_UP and not offered:
        outcome = Outcome.REVIEW
    lost = tuple(method for method in decision.methods_offered if method in failed)
    return msgspec.structs.replace(
        _with(decision, outcome, ReasonCode.CHALLENGE_FAILED, Effect.WORSE),
        methods_offered=offered,
        methods_withheld=(*decision.methods_withheld, *lost),
        withheld_for=decision.withheld_for | dict.fromkeys(lost, ReasonCode.CHALLENGE_FAILED.value),
    )
