"""What a caller may see of a check. An agent sees what to do; whoever holds ``trust:explain`` sees why."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.cost import CheckCost
from broker.domain.decision import (
    Challenger,
    ClassName,
    Confidence,
    Counterfactual,
    Effect,
    OutcomeName,
    Reason,
    TrustBand,
    Verdict,
)
from broker.domain.record import Check, CheckStatus
from broker.domain.route import Route, RouteBasis
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.domain.tenancy import is_sandbox
from broker.operators.consents import ConsentCode
from broker.policy.decide import band_of
from broker.policy.reasons import ReasonCode, SafeCode, agent_safe, safe_code
from broker.policy.score import trust_of
from broker.policy.words import Language, language_of, sentences
from broker.step_up.offer import NextStep, offer


class ReasonView(msgspec.Struct, frozen=True, rename="camel"):
    """A reason code and the direction in which it moved the decision: ``better`` or ``worse``.

    ``/v1/reason-codes`` tells what each means. Without ``trust:explain`` codes do not tell which fact fired.
    """

    code: Annotated[str, msgspec.Meta(extra_json_schema={"enum": sorted({*ReasonCode, *SafeCode})})]
    effect: Effect


class NextStepView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A way on: a ``challenge`` with its ``method``, or a ``review`` by a human, asked for with a POST to ``href``.

    ``consent``: the operator may not tell something before the person permits it there; the POST gets them a link.

    After ``expires_at`` a challenge can no longer be started: ask anew.
    """

    type: Literal["challenge", "consent", "review"]
    method: str | None = None
    href: str | None = None
    expires_at: datetime | None = None


class WithheldView(msgspec.Struct, frozen=True, rename="camel"):
    """A method of the policy that is not offered now, and the code of why. Fall back to the next one that is."""

    method: str
    code: str


class PolicyView(msgspec.Struct, frozen=True, rename="camel"):
    """The policy that decided, its version, and the class it gave to the action."""

    id: str
    version: int
    action_class: ClassName


class SourceView(msgspec.Struct, frozen=True, rename="camel"):
    """Who answered, over which API at which version; ``cached`` when an earlier answer was used.

    ``hedged`` when a less preferred source answered, because the preferred one was slow or failed; ``downgraded`` when
    the operator was asked for a token bound to the broker's key and gave one that is not.
    """

    operator: str
    api: str
    version: str
    cached: bool
    hedged: bool
    downgraded: bool


class RoutingView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Which network was thought to serve the number, and ``by`` what; its ``sources`` in the order of preference.

    ``code`` says why there are none. ``remembered`` when an earlier answer of a Telco Finder was used.
    """

    by: RouteBasis
    network: str | None
    country: str | None
    sources: tuple[str, ...]
    code: str | None
    remembered: bool = False


class ChargeView(msgspec.Struct, frozen=True):
    """Money: a decimal in a string, and an ISO 4217 code."""

    value: str
    currency: str


class CostView(msgspec.Struct, frozen=True):
    """What operators charge for this check, and what was saved by leaving out what could not matter; by currency."""

    total: tuple[ChargeView, ...]
    saved: tuple[ChargeView, ...]


class CounterfactualView(msgspec.Struct, frozen=True):
    """The fewest signals whose clean answer would have led to the looser ``decision``."""

    signals: tuple[SignalName, ...]
    decision: OutcomeName


class ChallengerView(msgspec.Struct, frozen=True):
    """What a second model thinks, which decides nothing: its probability of fraud and its likeliest scenarios."""

    probability: float
    scenarios: dict[str, float]


class WordsView(msgspec.Struct, frozen=True):
    """Decision and reasons in fixed sentences for a person, in the language that ``Accept-Language`` asks for."""

    language: Language
    sentences: tuple[str, ...]


class SignalView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One signal: ``observed`` with a coarse value, or ``unavailable`` with a reason and its code.

    ``window_s`` is the period that the answer really covers; ``contribution`` its weight in nats of log-odds of fraud;
    ``consent`` the entry of the ledger that asking for it rested on, with its version.
    """

    name: SignalName
    state: Literal["observed", "unavailable"]
    value: str | None = None
    reason: Unavailability | None = None
    code: str | None = None
    window_s: float | None = None
    observed_at: datetime | None = None
    age_s: float | None = None
    source: SourceView | None = None
    legal_basis: str | None = None
    consent: str | None = None
    latency_ms: float | None = None
    contribution: float | None = None
    cost: ChargeView | None = None


class IntervalView(msgspec.Struct, frozen=True):
    """The probability of fraud if everything missing were clean (``low``), or as under attack (``high``)."""

    low: float
    high: float


class CheckView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The answer to a trust check. ``decision`` is what to do, ``verdict`` what the evidence says.

    ``status`` is ``pending`` while a challenge or a review is open; ``revision`` says how often it has settled again.
    ``sandbox``: nobody real was asked, and nothing real may rest on it.
    """

    id: str
    status: CheckStatus
    decision: OutcomeName
    verdict: Verdict
    trust_band: TrustBand
    confidence: Confidence
    reasons: tuple[ReasonView, ...]
    next_steps: tuple[NextStepView, ...]
    policy: PolicyView
    degraded: bool
    calibrated: bool
    valid_until: datetime
    receipt: str
    revision: int = 0
    withheld: tuple[WithheldView, ...] = ()
    sandbox: bool = False


class DelegationView(msgspec.Struct, frozen=True):
    """For whom the agent acted: the tenant's pseudonym of a ``user``, and the ``chain`` of agents, last one first."""

    user: str
    chain: tuple[str, ...]


class ExplainedCheckView(CheckView, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """The answer with its reasons in full, for ``trust:explain``.

    ``trust_score`` is 0 to 1000, higher is more trusted; ``coverage`` (0-1) the share of wanted information at hand.
    """

    trust_score: int
    probability: float
    interval: IntervalView
    coverage: float
    gates: tuple[str, ...]
    signals: tuple[SignalView, ...]
    routing: RoutingView | None = None
    words: WordsView
    counterfactual: CounterfactualView | None = None
    cost: CostView | None = None
    challenger: ChallengerView | None = None
    delegation: DelegationView | None = None


def view(check: Check, principal: Principal, accept_language: str | None = None) -> CheckView:
    """The check, minimised for this caller: no number, place, date or operator text, and no score without the scope.

    ``accept_language`` is the header of that name; the words of an explanation follow it.
    """
    if authorize.EXPLAIN not in principal.scopes:
        told = _common(check, agent_safe(check.decision.reasons)) | _untold(check)
        return CheckView(**told, withheld=_withheld(check, safe_code))
    assessment = check.assessment
    return ExplainedCheckView(
        **_common(check, check.decision.reasons),
        trust_score=assessment.trust_score,
        probability=assessment.probability,
        interval=IntervalView(assessment.low, assessment.high),
        coverage=assessment.coverage,
        gates=check.decision.gates,
        withheld=_withheld(check, str),
        signals=tuple(_signal(signal, check) for signal in check.evidence.signals),
        words=_words(check, language_of(accept_language)),
        counterfactual=_counterfactual(check.counterfactual),
        cost=_cost(check.cost),
        challenger=_challenger(check.challenger),
        delegation=DelegationView(*msgspec.structs.astuple(check.delegation)) if check.delegation else None,
        routing=None if check.route is None else _routing(check.route),
    )


def _untold(check: Check) -> dict[str, Any]:
    """Band and confidence where no signal was observed: those of knowing nothing, whatever the reason for it is.

    Defensive (T2): an unknown number counts as evidence, and what it moves would tell it from one that nobody asked
    about.
    """
    if any(isinstance(one, Observed) for one in check.evidence.signals):
        return {}
    return {"trust_band": band_of(trust_of(check.assessment.prior_log_odds)), "confidence": Confidence.LOW}


def _routing(route: Route) -> RoutingView:
    return RoutingView(route.by, route.network, route.country, route.sources, route.code, route.remembered)


def _common(check: Check, reasons: tuple[Reason, ...]) -> dict[str, Any]:
    decision = check.decision
    return {
        "id": check.id,
        "status": check.status,
        "decision": decision.outcome.wire,
        "verdict": decision.verdict,
        "trust_band": decision.band,
        "confidence": check.assessment.confidence,
        "reasons": tuple(ReasonView(reason.code, reason.effect) for reason in reasons),
        "next_steps": _steps(check),
        "policy": PolicyView(check.policy_id, check.policy_version, check.action_class.wire),
        "degraded": decision.degraded,
        "calibrated": check.calibrated,
        "valid_until": check.valid_until,
        "receipt": check.receipt,
        "revision": check.revision,
        "sandbox": is_sandbox(check.tenant),
    }


def consents_missing(check: Check) -> tuple[SignalName, ...]:
    """The signals not asked for because their operator has no consent of the person, who may give it there yet."""
    signals = (one for one in check.evidence.signals if isinstance(one, Unavailable))
    return tuple(one.name for one in signals if one.code == ConsentCode.MISSING)


def _steps(check: Check) -> tuple[NextStepView, ...]:
    steps = [_step(step, check.id) for step in offer(check.decision, check.ways)]
    if steps and consents_missing(check):
        steps.insert(len(steps) - 1, NextStepView("consent", None, f"/v1/trust-checks/{check.id}/consent-links"))
    return tuple(steps)


def _step(step: NextStep, check_id: str) -> NextStepView:
    return NextStepView(step.kind, step.method, f"/v1/trust-checks/{check_id}/{step.kind}s", step.expires_at)


def _withheld(check: Check, told: Callable[[str], str]) -> tuple[WithheldView, ...]:
    found = check.ways.withheld if check.ways else ()
    return tuple(WithheldView(one.method, told(one.code)) for one in found)


def _words(check: Check, language: Language) -> WordsView:
    decision = check.decision
    return WordsView(language, sentences(decision.outcome, decision.reasons, check.counterfactual, language))


def _counterfactual(found: Counterfactual | None) -> CounterfactualView | None:
    return None if found is None else CounterfactualView(found.signals, found.outcome.wire)


def _cost(cost: CheckCost | None) -> CostView | None:
    return None if cost is None else CostView(_charges(cost.total), _charges(cost.saved))


def _charges(sums: Mapping[str, Decimal]) -> tuple[ChargeView, ...]:
    return tuple(ChargeView(str(amount), currency) for currency, amount in sums.items())


def _challenger(challenger: Challenger | None) -> ChallengerView | None:
    return None if challenger is None else ChallengerView(challenger.probability, challenger.scenarios)


def _signal(signal: Signal, check: Check) -> SignalView:
    contribution = next((part for part in check.assessment.contributions if part.signal is signal.name), None)
    source = SourceView(*msgspec.structs.astuple(signal.source)) if signal.source else None
    nats = contribution.nats if contribution else 0.0
    basis = check.bases.get(signal.name)
    charge = check.cost.signals.get(signal.name) if check.cost else None
    cost = None if charge is None else ChargeView(str(charge.amount), charge.currency)
    if isinstance(signal, Observed):
        return SignalView(
            name=signal.name,
            state="observed",
            value=contribution.state if contribution else None,
            window_s=signal.window.covered_s if signal.window else None,
            observed_at=signal.observed_at,
            age_s=max(0.0, (check.settled_at - signal.observed_at).total_seconds()),
            source=source,
            legal_basis=basis,
            consent=check.consents.get(signal.name),
            latency_ms=round(signal.latency_ms, 1),
            contribution=nats,
            cost=cost,
        )
    return SignalView(
        name=signal.name,
        state="unavailable",
        reason=signal.reason,
        code=signal.code,
        source=source,
        legal_basis=basis,
        latency_ms=round(signal.latency_ms, 1),
        contribution=nats,
        cost=cost,
    )
