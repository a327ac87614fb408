"""Hop 10: from the weight of the evidence to what to do about it."""

import math

import msgspec

from broker.domain.decision import ActionClass, Assessment, Decision, Effect, Floor, Outcome, Reason, TrustBand, Verdict
from broker.domain.evidence import Evidence
from broker.domain.signal import Unavailable
from broker.policy.costs import cheapest, expected_costs, stepwise
from broker.policy.document import PolicyDocument
from broker.policy.facts import Facts, lacking
from broker.policy.gates import EVIDENCE_MISSING, POLICY_FLOOR, Gate, change_floor, gates
from broker.policy.gist import Gist
from broker.policy.reasons import CONFLICT_MAX, DecisionParts, ReasonCode, explain, line_reason
from broker.policy.rules import ON_THE_PHONE_NETWORK, OPERATOR_FAILED, ClassRules, GateCode, SignalGroup, StepUpMethod

_SUSPICIOUS_NATS = math.log(2.0)
"""Evidence that doubles the odds of fraud is suspicious whatever the action."""

_BAND_WIDTH = 200
_BANDS = tuple(TrustBand)

_SUSPICIOUS_GATES = frozenset(
    {
        GateCode.POSSESSION_MISMATCH,
        GateCode.SIM_CHANGED_24H,
        GateCode.EVIDENCE_CONFLICT,
        GateCode.NUMBER_RECYCLED,
    }
)


def decide(
    assessment: Assessment,
    evidence: Evidence,
    rules: ClassRules,
    document: PolicyDocument,
    floors: tuple[Floor, ...] = (),
    facts: Facts | None = None,
) -> Decision:
    """Choose the outcome of least expected cost, then let gates, floors and the interval tighten it.

    Every step after the first is a maximum over outcomes, so nothing can loosen what was there before.

    Args:
        assessment: of the same evidence under the same rules.
        evidence: what the gates look at.
        rules: of the action's class, from ``document``.
        document: the step-up methods there are.
        floors: what the past of the subject and the conduct of the agent ask for.
        facts: of the same evidence for the same class, where they are known already.
    """
    facts = facts or Facts.of(evidence, rules)
    settled = _settle(Gist.of(assessment, evidence), facts, rules, document, floors)
    return _decision(assessment, evidence, rules, document, settled)


class Brief(msgspec.Struct, frozen=True):
    """The part of a decision that a supposition is about: the outcome, the methods offered, and the suspicion."""

    outcome: Outcome
    methods_offered: tuple[StepUpMethod, ...]
    suspicious: bool


def decide_in_brief(
    gist: Gist, facts: Facts, rules: ClassRules, document: PolicyDocument, floors: tuple[Floor, ...] = ()
) -> Brief:
    """What :func:`decide` would say, without the reasons; for whoever supposes a hundred things to do one."""
    settled = _settle(gist, facts, rules, document, floors)
    return Brief(settled.outcome, settled.offered, settled.suspicious)


def _settle(
    gist: Gist, facts: Facts, rules: ClassRules, document: PolicyDocument, floors: tuple[Floor, ...]
) -> "_Settled":
    fired = gates(facts, rules) + tuple(Gate(floor.code, floor.outcome) for floor in floors)
    # What was adverse on the line puts the codes sent over it in doubt: they may go to somebody else.
    withheld = frozenset(ON_THE_PHONE_NETWORK if gist.line_in_doubt else ()).union(*(gate.withholds for gate in fired))
    offered = tuple(method for method in document.methods if method not in withheld) if withheld else document.methods
    weak = bool(withheld) and ON_THE_PHONE_NETWORK.issuperset(offered)
    chosen = cheapest(rules, gist.probability, weak_step_up=weak)
    fired += _tightening(gist, rules, chosen, weak_step_up=weak)
    outcome = max([chosen, *(gate.floor for gate in fired)])
    without = lacking(facts, rules)
    if not without and change_floor(facts, rules) > outcome:
        fired += (Gate(POLICY_FLOOR, change_floor(facts, rules)),)
        outcome = fired[-1].floor
    if outcome is Outcome.STEP_UP and not offered:
        # A step-up that nobody can pass safely is a question for a human.
        fired += (Gate(POLICY_FLOOR, Outcome.REVIEW),)
        outcome = fired[-1].floor
    codes = tuple(dict.fromkeys(str(gate.code) for gate in fired))
    suspicious = gist.said > _SUSPICIOUS_NATS or not _SUSPICIOUS_GATES.isdisjoint(codes)
    return _Settled(outcome, chosen, fired, codes, offered, without, suspicious)


def halted(decision: Decision) -> Decision:
    """The decision where somebody stopped the agent, the action, the policy or the tenant: deny, and no way on."""
    return msgspec.structs.replace(
        decision,
        outcome=Outcome.DENY,
        reasons=(Reason(ReasonCode.STOPPED.value, Effect.WORSE), *decision.reasons),
        gates=(*decision.gates, ReasonCode.STOPPED.value),
        methods_offered=(),
        methods_withheld=(*decision.methods_offered, *decision.methods_withheld),
        withheld_for=decision.withheld_for | dict.fromkeys(decision.methods_offered, ReasonCode.STOPPED.value),
    )


class _Settled(msgspec.Struct, frozen=True):
    """The outcome, the cheapest one that it started from, and what else was found on the way.

    ``gates`` are those that tightened it, and ``codes`` theirs, each once, in order; ``offered`` the methods that are
    left; ``lacking`` the required groups without a telling answer.
    """

    outcome: Outcome
    cheapest: Outcome
    gates: tuple[Gate, ...]
    codes: tuple[str, ...]
    offered: tuple[StepUpMethod, ...]
    lacking: tuple[SignalGroup, ...]
    suspicious: bool

    def withheld_by(self, method: StepUpMethod) -> str | None:
        """The first gate that withholds it; none where only the weight of the line does."""
        return next((str(gate.code) for gate in self.gates if method in gate.withholds), None)


def band_of(trust_score: int) -> TrustBand:
    """The fifth of 0 to 1000 that a score lies in; 1000 belongs to the highest."""
    return _BANDS[min(trust_score // _BAND_WIDTH, len(_BANDS) - 1)]


def _tightening(gist: Gist, rules: ClassRules, chosen: Outcome, *, weak_step_up: bool) -> tuple[Gate, ...]:
    """For high and critical: one step stricter where what is still unknown could call for it."""
    if rules.action_class < ActionClass.HIGH or gist.high == gist.probability:
        return ()
    stricter = stepwise(chosen, cheapest(rules, gist.high, weak_step_up=weak_step_up))
    return (Gate(EVIDENCE_MISSING, stricter),) if stricter > chosen else ()


def _decision(
    assessment: Assessment, evidence: Evidence, rules: ClassRules, document: PolicyDocument, settled: _Settled
) -> Decision:
    parts = DecisionParts(settled.outcome, settled.cheapest, settled.codes, settled.lacking)
    withheld = tuple(method for method in document.methods if method not in settled.offered)
    return Decision(
        outcome=settled.outcome,
        verdict=_verdict(assessment, evidence, settled),
        band=band_of(assessment.trust_score),
        reasons=explain(assessment, evidence, parts),
        gates=settled.codes,
        degraded=_degraded(evidence, rules),
        methods_offered=tuple(method.value for method in settled.offered),
        methods_withheld=tuple(method.value for method in withheld),
        expected_costs=expected_costs(rules, assessment.probability).by_name(),
        withheld_for={
            method.value: settled.withheld_by(method) or line_reason(assessment, evidence) for method in withheld
        },
    )


def _verdict(assessment: Assessment, evidence: Evidence, settled: _Settled) -> Verdict:
    """What the observed signals say; what absent ones weigh is left out, for absence accuses nobody.

    Answers so old that they weigh nothing any more say nothing either.
    """
    if settled.suspicious:
        return Verdict.SUSPICIOUS
    said = [one.nats for one in assessment.contributions if evidence.observed(one.signal)]
    agreed = sum(said) < 0.0 and assessment.conflict <= CONFLICT_MAX
    return Verdict.TRUSTED if agreed and not settled.lacking else Verdict.UNKNOWN


def _degraded(evidence: Evidence, rules: ClassRules) -> bool:
    """Whether an operator failed us on something that was wanted."""
    signals = (evidence.get(name) for name in rules.wanted)
    return any(isinstance(signal, Unavailable) and signal.reason in OPERATOR_FAILED for signal in signals)
