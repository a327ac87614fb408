"""Hop 10: from the weight of the evidence to what to do about it."""

import math

import msgspec

from broker.domain.decision import ActionClass, Assessment, Decision, Effect, Floor, Outcome, Reason, TrustBand, Verdict
from broker.domain.evidence import Evidence
from broker.domain.signal import Unavailable
from broker.policy.costs import cheapest, expected_costs, stepwise
from broker.policy.document import PolicyDocument
from broker.policy.gates import EVIDENCE_MISSING, POLICY_FLOOR, Gate, change_floor, gates, in_doubt, lacking
from broker.policy.reasons import CONFLICT_MAX, DecisionParts, ReasonCode, explain, line_reason
from broker.policy.rules import ON_THE_PHONE_NETWORK, OPERATOR_FAILED, ClassRules, GateCode, StepUpMethod

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
) -> Decision:
    """Choose the outcome of least expected cost, then let gates, floors and the interval tighten it.

    Every step after the first is a maximum over outcomes, so nothing can loosen what was there before.

    Args:
        assessment: of the same evidence under the same rules.
        evidence: what the gates look at.
        rules: of the action's class, from ``document``.
        document: the step-up methods there are.
        floors: what the past of the subject and the conduct of the agent ask for.
    """
    settled = _settle(assessment, evidence, rules, document, floors)
    return _decision(assessment, evidence, rules, document, settled)


class Brief(msgspec.Struct, frozen=True):
    """The part of a decision that a supposition is about: the outcome, the methods offered, and the suspicion."""

    outcome: Outcome
    methods_offered: tuple[str, ...]
    suspicious: bool


def decide_in_brief(
    assessment: Assessment,
    evidence: Evidence,
    rules: ClassRules,
    document: PolicyDocument,
    floors: tuple[Floor, ...] = (),
) -> Brief:
    """What :func:`decide` would say, without the reasons; for whoever supposes a hundred things to do one."""
    settled = _settle(assessment, evidence, rules, document, floors)
    suspicious = _suspicious(_said(assessment, evidence), settled.codes)
    return Brief(settled.outcome, settled.methods_offered, suspicious)


def _settle(
    assessment: Assessment,
    evidence: Evidence,
    rules: ClassRules,
    document: PolicyDocument,
    floors: tuple[Floor, ...],
) -> "_Settled":
    fired = gates(evidence, rules) + tuple(Gate(floor.code, floor.outcome) for floor in floors)
    withheld = frozenset().union(in_doubt(assessment), *(gate.withholds for gate in fired))
    offered = tuple(method for method in document.methods if method not in withheld)
    weak = bool(withheld) and not set(offered) - ON_THE_PHONE_NETWORK
    chosen = cheapest(rules, assessment.probability, weak_step_up=weak)
    fired += _tightening(assessment, rules, chosen, weak_step_up=weak)
    outcome = max([chosen, *(gate.floor for gate in fired)])
    if change_floor(evidence, rules) > outcome and not lacking(evidence, rules):
        outcome = change_floor(evidence, rules)
        fired += (Gate(POLICY_FLOOR, outcome),)
    if outcome is Outcome.STEP_UP and not offered:
        # A step-up that nobody can pass safely is a question for a human.
        fired += (Gate(POLICY_FLOOR, Outcome.REVIEW),)
        outcome = Outcome.REVIEW
    return _Settled(outcome, chosen, fired, offered)


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
    """The outcome, the cheapest one that it started from, what tightened it, and the methods that are left."""

    outcome: Outcome
    cheapest: Outcome
    gates: tuple[Gate, ...]
    offered: tuple[StepUpMethod, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The gates' codes, each once, in order."""
        return tuple(dict.fromkeys(str(gate.code) for gate in self.gates))

    @property
    def methods_offered(self) -> tuple[str, ...]:
        """The methods by their names on the wire."""
        return tuple(method.value for method in self.offered)


def band_of(trust_score: int) -> TrustBand:
    """The fifth of 0 to 1000 that a score lies in; 1000 belongs to the highest."""
    return _BANDS[min(trust_score // _BAND_WIDTH, len(_BANDS) - 1)]


def _tightening(assessment: Assessment, rules: ClassRules, chosen: Outcome, *, weak_step_up: bool) -> tuple[Gate, ...]:
    """For high and critical: one step stricter where what is still unknown could call for it."""
    if rules.action_class < ActionClass.HIGH:
        return ()
    stricter = stepwise(chosen, cheapest(rules, assessment.high, weak_step_up=weak_step_up))
    return (Gate(EVIDENCE_MISSING, stricter),) if stricter > chosen else ()


def _decision(
    assessment: Assessment, evidence: Evidence, rules: ClassRules, document: PolicyDocument, settled: _Settled
) -> Decision:
    withheld = tuple(method.value for method in document.methods if method not in settled.offered)
    parts = DecisionParts(settled.outcome, settled.cheapest, settled.codes, lacking(evidence, rules))
    return Decision(
        outcome=settled.outcome,
        verdict=_verdict(assessment, evidence, rules, settled.codes),
        band=band_of(assessment.trust_score),
        reasons=explain(assessment, evidence, parts),
        gates=settled.codes,
        degraded=_degraded(evidence, rules),
        methods_offered=settled.methods_offered,
        methods_withheld=withheld,
        expected_costs=expected_costs(rules, assessment.probability).by_name(),
        withheld_for={
            name: code for name, code in _withheld_for(assessment, evidence, settled.gates).items() if name in withheld
        },
    )


def _withheld_for(assessment: Assessment, evidence: Evidence, fired: tuple[Gate, ...]) -> dict[str, str]:
    """Why each method is withheld: the first gate that says so, else what speaks against the line."""
    codes = {method.value: str(gate.code) for gate in reversed(fired) for method in gate.withholds}
    line = line_reason(assessment, evidence)
    return {method.value: line for method in in_doubt(assessment)} | codes


def _verdict(assessment: Assessment, evidence: Evidence, rules: ClassRules, codes: tuple[str, ...]) -> Verdict:
    """What the observed signals say; what absent ones weigh is left out, for absence accuses nobody."""
    said = _said(assessment, evidence)
    if _suspicious(said, codes):
        return Verdict.SUSPICIOUS
    enough = bool(said) and not lacking(evidence, rules)
    agreed = sum(said) <= 0.0 and assessment.conflict <= CONFLICT_MAX
    return Verdict.TRUSTED if enough and agreed else Verdict.UNKNOWN


def _said(assessment: Assessment, evidence: Evidence) -> list[float]:
    return [one.nats for one in assessment.contributions if evidence.observed(one.signal)]


def _suspicious(said: list[float], codes: tuple[str, ...]) -> bool:
    return sum(said) > _SUSPICIOUS_NATS or not _SUSPICIOUS_GATES.isdisjoint(codes)


def _degraded(evidence: Evidence, rules: ClassRules) -> bool:
    """Whether an operator failed us on something that was wanted."""
    signals = (evidence.get(name) for name in rules.wanted)
    return any(isinstance(signal, Unavailable) and signal.reason in OPERATOR_FAILED for signal in signals)
