"""The laws of this room, as predicates over generated evidence; tried briefly in each run and at length as a proof."""

import math
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from broker.domain.decision import ActionClass, Assessment, Decision, Outcome, Verdict
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    Contract,
    Flag,
    IdentityMatch,
    Match,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Source,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy import extremes
from broker.policy.counterfactual import counterfactual
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.facts import Facts
from broker.policy.gates import change_floor, gates
from broker.policy.gist import Gist
from broker.policy.reading import NO_LOCATION_GIVEN
from broker.policy.scenarios import STATES
from broker.policy.score import assess
from broker.policy.tenure import before_binding
from broker.policy.what_if import WhatIf
from tests.unit.policy.kit import DAY, HOUR, NOW, all_classes, crowded_table, sim_bound, table

AGES = (SignalName.SIM_SWAP, SignalName.DEVICE_SWAP)
SOURCE = Source("north", "api", "1")

# Edges of bins and of gates, and everything between.
seconds = st.one_of(
    st.sampled_from(
        [0.0, 1.0, HOUR, 12 * HOUR, DAY, DAY + 1, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 400 * DAY]
    ),
    st.floats(0, 90 * DAY),
)
since = st.one_of(st.just(0.0), st.floats(0, 6 * HOUR))


@st.composite
def age_ranges(draw: st.DrawFn) -> AgeRange:
    low = draw(seconds)
    kind = draw(st.sampled_from(["date", "within", "not within"]))
    return AgeRange(low, low if kind == "date" else low + draw(seconds) if kind == "within" else None)


presences = st.builds(
    lambda overlap, rate, fix: Presence(overlap, rate if overlap is Overlap.PARTIAL else None, fix),
    st.sampled_from(Overlap),
    st.one_of(st.none(), st.integers(1, 99)),
    st.one_of(st.none(), st.floats(0, HOUR)),
)
days = st.builds(lambda ago: (NOW - timedelta(days=ago)).date(), st.sampled_from([1, 2, 5, 20, 40, 400, 3650]))
attribute = st.builds(
    lambda name, how, score: AttributeMatch(name, how, score if how is Confirmation.DIFFERS else None),
    st.sampled_from(["name", "birthdate", "address", "idDocument"]),
    st.sampled_from(Confirmation),
    st.one_of(st.none(), st.integers(0, 100)),
)
attributes = st.lists(attribute, min_size=1, max_size=4, unique_by=lambda one: one.attribute).map(tuple)
VALUES: dict[SignalName, st.SearchStrategy[Value]] = {
    SignalName.SIM_SWAP: age_ranges(),
    SignalName.DEVICE_SWAP: age_ranges(),
    SignalName.NUMBER_VERIFICATION: st.builds(Match, st.booleans()),
    SignalName.CALL_FORWARDING: st.builds(Flag, st.booleans()),
    SignalName.LOCATION: presences,
    SignalName.NUMBER_RECYCLING: st.builds(Flag, st.booleans()),
    SignalName.KYC_TENURE: st.builds(Tenure, days, st.booleans(), st.sampled_from([None, *Contract])),
    SignalName.KYC_MATCH: st.builds(IdentityMatch, attributes),
}
CLEAN: dict[SignalName, Value] = {
    SignalName.SIM_SWAP: AgeRange(400 * DAY, None),
    SignalName.DEVICE_SWAP: AgeRange(400 * DAY, 400 * DAY),
    SignalName.NUMBER_VERIFICATION: Match(matched=True),
    SignalName.CALL_FORWARDING: Flag(active=False),
    SignalName.LOCATION: Presence(Overlap.INSIDE),
    SignalName.NUMBER_RECYCLING: Flag(active=False),
    SignalName.KYC_TENURE: Tenure((NOW - timedelta(days=3650)).date(), continuous=True),
    SignalName.KYC_MATCH: IdentityMatch((AttributeMatch("name", Confirmation.AGREES),)),
}
WORST: dict[SignalName, Value] = {
    SignalName.SIM_SWAP: AgeRange(0.0, 0.0),
    SignalName.DEVICE_SWAP: AgeRange(0.0, 0.0),
    SignalName.NUMBER_VERIFICATION: Match(matched=False),
    SignalName.CALL_FORWARDING: Flag(active=True),
    SignalName.LOCATION: Presence(Overlap.OUTSIDE),
    SignalName.NUMBER_RECYCLING: Flag(active=True),
    SignalName.KYC_TENURE: Tenure((NOW - timedelta(days=1)).date(), continuous=False),
    SignalName.KYC_MATCH: IdentityMatch((AttributeMatch("birthdate", Confirmation.DIFFERS),)),
}


def answer(name: SignalName, value: Value, elapsed_s: float = 0.0) -> Observed:
    return Observed(name, value, NOW - timedelta(seconds=elapsed_s), SOURCE)


# Built once: hypothesis spends most of its time on strategies that are made anew for each example.
UNAVAILABLE: dict[SignalName, st.SearchStrategy[Unavailable]] = {
    name: st.builds(
        Unavailable, st.just(name), st.sampled_from(Unavailability), st.sampled_from([None, NO_LOCATION_GIVEN])
    )
    for name in STATES
}
ANY: dict[SignalName, st.SearchStrategy[Signal]] = {
    name: st.one_of(st.builds(answer, st.just(name), VALUES[name], since), UNAVAILABLE[name]) for name in STATES
}


def evidence_of(signals: dict[SignalName, Signal | None]) -> Evidence:
    return Evidence.of(one for one in signals.values() if one is not None)


any_evidence = st.builds(
    evidence_of, st.fixed_dictionaries({name: st.one_of(st.none(), one) for name, one in ANY.items()})
)

# The many ways to be clean, as real answers are: no two SIMs have one age, no two fixes either.
_long_ages = st.builds(
    lambda low, date: AgeRange(low, low if date else None), st.floats(60 * DAY, 4_000 * DAY), st.booleans()
)
CLEAN_WAYS: dict[SignalName, st.SearchStrategy[Value]] = {
    **{name: st.just(value) for name, value in CLEAN.items()},
    **dict.fromkeys(AGES, _long_ages),
    SignalName.LOCATION: st.builds(Presence, st.just(Overlap.INSIDE), st.none(), st.floats(0, HOUR)),
    SignalName.KYC_TENURE: st.builds(
        lambda ago, contract: Tenure((NOW - timedelta(days=ago)).date(), continuous=True, contract=contract),
        st.integers(731, 4_000),
        st.sampled_from([None, *Contract]),
    ),
}
mostly_clean = st.builds(
    evidence_of,
    st.fixed_dictionaries(
        {
            name: st.one_of(*[st.builds(answer, st.just(name), CLEAN_WAYS[name])] * 3, ANY[name], st.none())
            for name in STATES
        }
    ),
)


Run = tuple[Assessment, Decision]


class Setting(msgspec.Struct, frozen=True):
    """Under which table, policy and class a law is tried.

    With ``known``, what was decided is remembered there for whoever tries many laws on one evidence.
    """

    table: EvidenceTable
    document: PolicyDocument
    action_class: ActionClass
    known: dict[ActionClass, tuple[WhatIf, dict[Evidence, Run]]] | None = None

    def of_class(self, action_class: ActionClass) -> "Setting":
        return msgspec.structs.replace(self, action_class=action_class)

    def weigh(self, evidence: Evidence) -> Assessment:
        what_if, runs = self._known()
        found = runs.get(evidence)
        return found[0] if found else what_if.assess(evidence)

    def run(self, evidence: Evidence) -> Run:
        what_if, runs = self._known()
        found = runs.get(evidence)
        if found is None:
            assessment = what_if.assess(evidence)
            found = runs[evidence] = assessment, what_if.decide(evidence, assessment)
        return found

    def what_if(self) -> WhatIf:
        return self._known()[0]

    def gate_floor(self, evidence: Evidence) -> Outcome:
        """The strictest of what gates and floors ask for, whatever the score."""
        rules = self.document.rules(self.action_class)
        facts = Facts.of(evidence, rules)
        return max([change_floor(facts, rules), *(gate.floor for gate in gates(facts, rules))])

    def _known(self) -> tuple[WhatIf, dict[Evidence, Run]]:
        found = self.known.get(self.action_class) if self.known is not None else None
        if found is None:
            found = WhatIf(self.table, self.document, self.document.rules(self.action_class), NOW), {}
            if self.known is not None:
                self.known[self.action_class] = found
        return found

    def run_again(self, evidence: Evidence) -> Run:
        """From nothing, whatever is remembered."""
        rules = self.document.rules(self.action_class)
        assessment = assess(self.table, rules, evidence, NOW)
        return assessment, decide(assessment, evidence, rules, self.document)

    def __repr__(self) -> str:
        return f"Setting({self.table.discounts}, {self.document.id}, {self.action_class.name})"


settings_ = st.builds(
    Setting,
    st.sampled_from([table(), crowded_table()]),
    st.sampled_from([all_classes(), sim_bound()]),
    st.sampled_from(ActionClass),
)


def not_better(setting: Setting, before: Evidence, after: Evidence) -> None:
    """``after`` must not come out better than ``before`` in anything that counts."""
    old, was = setting.run(before)
    new, now = setting.run(after)
    assert new.evidence >= old.evidence
    assert new.probability >= old.probability
    assert new.trust_score <= old.trust_score
    assert now.outcome >= was.outcome
    assert set(now.methods_offered) <= set(was.methods_offered)
    assert setting.gate_floor(after) >= setting.gate_floor(before)


# -- One signal one step worse -----------------------------------------------------------------------------------------


@st.composite
def worse_pairs(draw: st.DrawFn) -> tuple[Observed, Observed]:
    """Two answers of one signal, observed at the same time, the second at least as severe as the first."""
    name = draw(st.sampled_from(list(STATES)))
    value, elapsed_s = draw(VALUES[name]), draw(since)
    return answer(name, value, elapsed_s), answer(name, draw(worse(value)), elapsed_s)


def worse(value: Value) -> st.SearchStrategy[Value]:
    match value:
        case Match() | Flag():
            adverse = Match(matched=False) if isinstance(value, Match) else Flag(active=True)
            return st.sampled_from([value, adverse])
        case AgeRange():
            return _younger(value)
        case Presence():
            return st.builds(farther, st.just(value), fraction_or_none, unit, rate_or_none)
        case Tenure():
            return st.sampled_from([value, msgspec.structs.replace(value, continuous=False)])
        case IdentityMatch():
            return _less_like(value)
        case _:
            raise AssertionError(f"{type(value).__name__} has no order yet")


unit = st.floats(0, 1)
fraction_or_none = st.one_of(st.none(), unit)
rate_or_none = st.one_of(st.none(), st.integers(1, 99))


@st.composite
def _younger(draw: st.DrawFn, value: AgeRange) -> AgeRange:
    low = value.at_least_s * draw(unit)
    if value.at_most_s is None:
        width = draw(fraction_or_none)
        return AgeRange(low, None if width is None else low + width * 90 * DAY)
    return AgeRange(low, low + (value.at_most_s - low) * draw(unit))


def farther(value: Presence, older: float | None, how: float, rate: int | None) -> Presence:
    """A place that is no nearer, by a fix that is no fresher; ``how`` (0 to 1) says how far."""
    fix = value.located_age_s if older is None else (value.located_age_s or 0.0) + older * HOUR
    if value.overlap is Overlap.OUTSIDE or how > 0.6:
        return Presence(Overlap.OUTSIDE, None, fix)
    if value.overlap is Overlap.INSIDE:
        return Presence(Overlap.INSIDE, None, fix) if how > 0.3 else Presence(Overlap.PARTIAL, rate, fix)
    lower = value.match_rate if value.match_rate is None or rate is None else min(value.match_rate, rate)
    return Presence(Overlap.PARTIAL, lower, fix)


@st.composite
def _less_like(draw: st.DrawFn, value: IdentityMatch) -> IdentityMatch:
    """Each claim that was compared agrees no better than before."""
    return IdentityMatch(tuple(less(one, draw(fraction_or_none)) for one in value.attributes))


def less(one: AttributeMatch, share: float | None) -> AttributeMatch:
    """A claim that agrees with no more than that share of before."""
    if share is None or one.confirmation is Confirmation.NOT_ON_FILE:
        return one
    before = 100 if one.confirmation is Confirmation.AGREES else one.score or 0
    return AttributeMatch(one.attribute, Confirmation.DIFFERS, int(before * share))


def worse_evidence_never_helps(setting: Setting, pair: tuple[Observed, Observed], others: Evidence) -> None:
    better, worse_ = pair
    rest = [one for one in others.signals if one.name is not better.name]
    not_better(setting, Evidence.of([better, *rest]), Evidence.of([worse_, *rest]))


def an_older_answer_never_helps(setting: Setting, ageing: tuple[Observed, Observed], others: Evidence) -> None:
    """Of what carries no age of its own; an age is allowed to grow."""
    fresh, old = ageing
    rest = [one for one in others.signals if one.name is not fresh.name]
    not_better(setting, Evidence.of([fresh, *rest]), Evidence.of([old, *rest]))


def aged(name: SignalName, first: float, later: float, *, adverse: bool) -> tuple[Observed, Observed]:
    """The same answer, seen lately and seen longer ago."""
    value = WORST[name] if adverse and name not in AGES else CLEAN[name]
    return answer(name, value, min(first, later)), answer(name, value, max(first, later))


# -- Missing, order, bounds --------------------------------------------------------------------------------------------


def missing_never_helps(
    setting: Setting, name: SignalName, elapsed_s: float, absent: Unavailable | None, others: Evidence
) -> None:
    """Neither as an answer that did not come, nor (``None``) as one that was never planned."""
    rest = [one for one in others.signals if one.name is not name]
    clean = Evidence.of([answer(name, CLEAN[name], elapsed_s), *rest])
    not_better(setting, clean, Evidence.of(rest if absent is None else [absent, *rest]))


def order_and_repetition_leave_no_trace(setting: Setting, evidence: Evidence, order: Random) -> None:
    shuffled = [*evidence.signals, *evidence.signals]
    order.shuffle(shuffled)
    again = Evidence.of(shuffled)
    assert msgspec.json.encode(again) == msgspec.json.encode(evidence)
    assert msgspec.json.encode(setting.run(again)) == msgspec.json.encode(setting.run(evidence))


def replays_bit_for_bit(setting: Setting, evidence: Evidence) -> None:
    stored = msgspec.json.encode(evidence)
    again = msgspec.json.decode(stored, type=Evidence)
    assert msgspec.json.encode(setting.run_again(again)) == msgspec.json.encode(setting.run(evidence))


def one_signal_is_bounded(setting: Setting, one: Signal, others: Evidence) -> None:
    rest = Evidence.of(other for other in others.signals if other.name is not one.name)
    alone = setting.weigh(Evidence.of([one]))
    assert abs(alone.evidence) <= 6.0
    full, less = setting.weigh(Evidence.of([one, *rest.signals])), setting.weigh(rest)
    assert abs(full.evidence - less.evidence) <= 6.0
    assert -2.5 <= full.evidence <= 8.0


def a_second_of_age_moves_two_points_at_most(setting: Setting, evidence: Evidence) -> None:
    """Unless it is the second in which the day of the binding begins, which excuses a change or does not."""
    before = setting.weigh(evidence)
    for name in AGES:
        one = evidence.get(name)
        if isinstance(one, Observed) and isinstance(one.value, AgeRange):
            most = None if one.value.at_most_s is None else one.value.at_most_s + 1.0
            older = msgspec.structs.replace(one, value=AgeRange(one.value.at_least_s + 1.0, most))
            after = extremes.replaced(evidence, [older])
            if before_binding(after, setting.action_class) == before_binding(evidence, setting.action_class):
                assert abs(setting.weigh(after).trust_score - before.trust_score) <= 2


def contributions_add_up_exactly(setting: Setting, evidence: Evidence) -> None:
    assessment = setting.weigh(evidence)
    nats = [one.nats for one in assessment.contributions]
    assert math.fsum(nats) == sum(nats) == sum(reversed(nats)) == assessment.evidence
    assert assessment.low <= assessment.probability <= assessment.high
    assert 0.0 <= assessment.coverage <= 1.0
    assert 0.0 <= assessment.conflict <= 1.0


# -- Decisions ---------------------------------------------------------------------------------------------------------


def a_higher_class_is_never_looser(setting: Setting, evidence: Evidence) -> None:
    """Than the next lower one; so none is looser than any below it."""
    at = max(setting.action_class, ActionClass.MEDIUM)
    (low, lower), (high, higher) = (setting.of_class(one).run(evidence) for one in (ActionClass(at - 1), at))
    assert high.probability >= low.probability
    assert high.trust_score <= low.trust_score
    assert higher.outcome >= lower.outcome


def gates_only_tighten(setting: Setting, evidence: Evidence) -> None:
    _, decision = setting.run(evidence)
    costs = decision.expected_costs
    cheapest = max(outcome for outcome in Outcome if costs[outcome.wire] == min(costs.values()))
    assert decision.outcome >= cheapest
    assert {*decision.methods_offered, *decision.methods_withheld} == {
        method.value for method in setting.document.methods
    }
    assert decision.outcome is not Outcome.STEP_UP or decision.methods_offered


def an_allow_stands_on_something(setting: Setting, evidence: Evidence) -> None:
    _, decision = setting.run(evidence)
    if decision.outcome is Outcome.ALLOW:
        assert any(evidence.observed(name) for name in STATES)
        assert setting.action_class < ActionClass.CRITICAL


def whatever_is_not_allowed_has_a_reason(setting: Setting, evidence: Evidence) -> None:
    _, decision = setting.run(evidence)
    codes = [reason.code for reason in decision.reasons]
    assert len(codes) == len(set(codes))
    assert set(decision.gates) <= set(codes)
    if decision.outcome is not Outcome.ALLOW:
        assert any(reason.effect == "worse" for reason in decision.reasons)


def a_supposition_is_what_would_be_decided(setting: Setting, evidence: Evidence) -> None:
    """What plans look at is weighed in another way, which must not differ from the first in a single bit."""
    assessment, decision = setting.run(evidence)
    what_if = setting.what_if()
    brief = what_if.suppose(evidence)
    assert (brief.outcome, brief.methods_offered) == (decision.outcome, decision.methods_offered)
    assert brief.suspicious is (decision.verdict is Verdict.SUSPICIOUS)
    assert what_if.gist(evidence) == Gist.of(assessment, evidence)


def the_top_reason_carries_the_score(setting: Setting, evidence: Evidence) -> None:
    """Were the signal clean that speaks most against somebody, the evidence would weigh less, except beyond the cap."""
    whole = setting.weigh(evidence)
    adverse = [one for one in whole.contributions if one.nats > 0.0]
    if adverse:
        top = max(adverse, key=lambda one: one.nats)
        instead = extremes.replaced(evidence, [answer(top.signal, CLEAN[top.signal])])
        assert setting.weigh(instead).evidence < whole.evidence or whole.evidence == setting.table.caps.total_high


def a_counterfactual_is_true(setting: Setting, evidence: Evidence) -> None:
    assessment, decision = setting.run(evidence)
    what_if = setting.what_if()
    found = counterfactual(what_if, evidence, assessment, decision)
    if found is not None:
        instead = extremes.replaced(evidence, [extremes.clean(name, NOW) for name in found.signals])
        assert setting.run(instead)[1].outcome is found.outcome < decision.outcome


names = st.sampled_from(list(STATES))
LAWS: dict[Callable[..., None], dict[str, st.SearchStrategy[Any]]] = {
    worse_evidence_never_helps: {"pair": worse_pairs(), "others": any_evidence},
    an_older_answer_never_helps: {
        "ageing": st.builds(aged, names, since, since, adverse=st.booleans()),
        "others": any_evidence,
    },
    missing_never_helps: {
        "name": st.shared(names, key="name"),
        "elapsed_s": since,
        "absent": st.one_of(st.none(), st.shared(names, key="name").flatmap(UNAVAILABLE.__getitem__)),
        "others": any_evidence,
    },
    order_and_repetition_leave_no_trace: {"evidence": any_evidence, "order": st.randoms(use_true_random=False)},
    replays_bit_for_bit: {"evidence": any_evidence},
    one_signal_is_bounded: {"one": st.one_of(list(ANY.values())), "others": any_evidence},
    a_second_of_age_moves_two_points_at_most: {"evidence": any_evidence},
    contributions_add_up_exactly: {"evidence": any_evidence},
    the_top_reason_carries_the_score: {"evidence": any_evidence},
    a_higher_class_is_never_looser: {"evidence": any_evidence},
    gates_only_tighten: {"evidence": any_evidence},
    an_allow_stands_on_something: {"evidence": any_evidence},
    whatever_is_not_allowed_has_a_reason: {"evidence": any_evidence},
    a_supposition_is_what_would_be_decided: {"evidence": any_evidence},
    a_counterfactual_is_true: {"evidence": any_evidence},
}
