"""Play one policy over one world: each question is answered by operators, weighed and decided as the broker would.

The work is cut into shards with a seed each, so that the result is the same on one core and on many.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

import msgspec

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Floor, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Unavailability
from broker.policy.caution import CautionLimits, Recent, caution
from broker.policy.document import PolicyDocument
from broker.policy.mixture import challenge
from broker.policy.rules import ClassRules
from broker.policy.waves import WavePlanner
from broker.policy.what_if import WhatIf
from broker.simulation.asking import Answers, Asker, Told
from broker.simulation.lives import DAY_S
from broker.simulation.network import EPOCH, Network
from broker.simulation.tally import Names, Tally
from broker.simulation.texts import Inputs, prepared
from broker.simulation.traffic import Adaptation, Behaviour, Question, Traffic

SHARDS = 16
_LIMITS = CautionLimits()
_NEVER_AGAIN = frozenset({SignalName.NUMBER_VERIFICATION})
_NAIVE_WINDOW_S = 7 * DAY_S


class Shard(msgspec.Struct, frozen=True):
    """One part of a run; equal shards give equal tallies. ``everything``: each class wants whatever can be weighed."""

    inputs: Inputs
    seed: int
    number: int
    questions: int
    attack_factor: float = 1.0
    adaptation: Adaptation | None = None
    answer_within_ms: float = 1350.0
    everything: bool = False


def shards(
    inputs: Inputs,
    *,
    questions: int,
    seed: int,
    attack_factor: float = 1.0,
    adaptation: Adaptation | None = None,
    everything: bool = False,
) -> list[Shard]:
    """The parts of a run of ``questions``."""
    each, more = divmod(questions, SHARDS)
    sizes = [each + (number < more) for number in range(SHARDS)]
    return [
        Shard(inputs, seed, number, size, attack_factor, adaptation, everything=everything)
        for number, size in enumerate(sizes)
        if size > 0
    ]


class Scene(NamedTuple):
    """One question as it was played: what each operator would have said, and what was decided."""

    question: Question
    answers: Answers
    action_class: ActionClass
    outcome: Outcome


Witness = Callable[[Scene], None]
"""Sees each question of a shard once it is decided."""


def play(shard: Shard, witness: Witness = lambda _: None) -> Tally:
    """Play one shard.

    Raises:
        Misconfigured: a text that cannot be read, with file, line and key.
    """
    return _Player(shard, witness).run()


class _Player:
    """Everything that one shard needs."""

    def __init__(self, shard: Shard, witness: Witness) -> None:
        self._shard = shard
        self._witness = witness
        texts = prepared(shard.inputs)
        self._world, self._scenarios = texts.world, texts.scenarios
        self._tables, self._book, self._tariffs = texts.tables, texts.book, texts.tariffs
        self._prices = {
            operator: {name: one.price for name, one in tariffs.items() if one.price is not None}
            for operator, tariffs in texts.tariffs.items()
        }
        self._networks = {
            one.name: Network(one, self._world.days, self._random("operator", one.name))
            for one in self._world.operators
        }
        sides = self._scenarios.scenarios
        self._names = Names(
            scenarios=(*sides.legitimate, *sides.attack),
            operators=tuple(one.name for one in self._world.operators),
            countries=tuple(one.country for one in self._world.operators),
            currencies=tuple(texts.currencies[one.name] for one in self._world.operators),
        )
        self._scenario_at = {name: at for at, name in enumerate(self._names.scenarios)}
        self._operator_at = {name: at for at, name in enumerate(self._names.operators)}
        self._waves = texts.waves
        self._asker = Asker(self._waves, shard.answer_within_ms)
        self._widened = texts.widened
        self._earlier: dict[SignalName, Observed] = {}
        self._earlier_all: dict[SignalName, Observed] = {}
        self._recent: list[Recent] = []
        self._session = 0
        self._at_hand: tuple[Action, tuple[PolicyDocument, ActionClass]] | None = None

    def run(self) -> Tally:
        traffic = Traffic(
            self._world,
            self._scenarios,
            self._class_of,
            self._random("traffic", ""),
            attack_factor=self._shard.attack_factor,
            adaptation=self._shard.adaptation,
            reports=self._random("reports", ""),
        )
        tally = Tally.empty(self._names)
        for question in traffic.questions(self._shard.questions):
            self._answer(question, tally)
        return tally

    def _random(self, what: str, name: str) -> Random:
        """Independent sources: an operator more changes nobody else's luck."""
        return Random(f"{self._shard.seed}/{self._shard.number}/{what}/{name}")  # noqa: S311 - a reproducible world

    def _class_of(self, action: Action) -> tuple[ActionClass, float]:
        document, action_class = self._resolved(action)
        return action_class, document.rules(action_class).prior

    def _resolved(self, action: Action) -> tuple[PolicyDocument, ActionClass]:
        """Remembered for the action at hand: traffic asks for its class, and the question comes right after."""
        if self._at_hand is None or self._at_hand[0] is not action:
            self._at_hand = (action, self._book.resolve(action))
        return self._at_hand[1]

    def _rules(self, document: PolicyDocument, action_class: ActionClass) -> ClassRules:
        """The rules of a class, the same object each time, for waves are remembered by it."""
        return self._widened[document.id, action_class] if self._shard.everything else document.rules(action_class)

    def _answer(self, question: Question, tally: Tally) -> None:
        if question.session != self._session:
            self._session, self._earlier, self._earlier_all, self._recent = question.session, {}, {}, []
        action = question.action
        document, asked_class = self._resolved(action)
        now = EPOCH + timedelta(seconds=question.at_s)
        ours = Recent(now, action.type, asked_class, msgspec.json.encode(action), None, action.amount)
        care = caution(document, action, ours, self._recent, _LIMITS)
        rules = self._rules(document, care.action_class)
        floors = tuple(Floor(code, care.floor) for code in care.codes)
        table = self._tables[document.id]
        what_if = WhatIf(table, document, rules, now, floors, self._waves.ends(table, rules))
        planner = WavePlanner(table, rules, what_if, self._tariffs[question.operator.name], now)
        answers = self._networks[question.operator.name].ask(rules.wanted, question.line, question.at_s)
        told, whole = self._told(question, rules, planner, answers)
        assessment = what_if.assess(told.evidence)
        outcome = what_if.suppose(told.evidence).outcome
        self._recent.append(msgspec.structs.replace(ours, action_class=care.action_class, outcome=outcome))
        alike = told.evidence == whole.evidence
        tally.probability.append(assessment.probability)
        tally.rival.append(challenge(table, rules.prior, told.evidence).probability)
        tally.reported_d.append(question.reported_d)
        tally.refused.append(len(question.line.refused))
        tally.weight.append(question.weight)
        tally.attack.append(question.attack)
        tally.outcome.append(outcome)
        tally.outcome_all.append(outcome if alike else what_if.suppose(whole.evidence).outcome)
        tally.action_class.append(care.action_class)
        tally.scenario.append(self._scenario_at[question.line.episode.scenario])
        tally.operator.append(self._operator_at[question.operator.name])
        tally.behaviour.append(_BEHAVIOURS.index(question.behaviour))
        tally.naive.append(_recently_swapped(told.evidence))
        tally.attempt.append(question.attempt)
        tally.session.append(question.session)
        self._count(question.operator.name, told, whole, answers, tally)
        self._witness(Scene(question, answers, care.action_class, outcome))

    def _count(self, operator: str, told: Told, whole: Told, answers: Answers, tally: Tally) -> None:
        """What asking came to, and what asking everything would have."""
        tally.asked.append(sum(answers[name].questions for name in told.asked))
        tally.asked_all.append(sum(answers[name].questions for name in whole.asked))
        tally.waves.append(told.waves)
        tally.cost.append(self._cost(operator, told.asked, answers))
        tally.cost_all.append(self._cost(operator, whole.asked, answers))
        tally.took.append(told.took_ms)
        tally.took_all.append(whole.took_ms)

    def _cost(self, operator: str, asked: Iterable[SignalName], answers: Answers) -> float:
        """Operators bill questions, not answers."""
        prices = self._prices[operator]
        return float(sum((prices[name] * answers[name].questions for name in asked if name in prices), Decimal(0)))

    def _told(self, question: Question, rules: ClassRules, planner: WavePlanner, answers: Answers) -> tuple[Told, Told]:
        """What is known within this session and what operators say: asked in waves, and asked everything at once."""
        beyond = {name: one.signal for name, one in answers.items() if _known_beforehand(one.signal)}
        tariffs = self._tariffs[question.operator.name]
        known, open_ = self._open(self._earlier, beyond, answers, question, rules)
        told = self._asker.in_waves(known, open_, planner, tariffs)
        known, open_ = self._open(self._earlier_all, beyond, answers, question, rules)
        whole = self._asker.at_once(known, open_)
        self._earlier |= {one.name: one for one in told.evidence.signals if isinstance(one, Observed)}
        self._earlier_all |= {one.name: one for one in whole.evidence.signals if isinstance(one, Observed)}
        return told, whole

    @staticmethod
    def _open(
        earlier: Mapping[SignalName, Observed],
        beyond: Mapping[SignalName, Signal],
        answers: Answers,
        question: Question,
        rules: ClassRules,
    ) -> tuple[list[Signal], Answers]:
        """What is known before anybody is asked, and the answers to the rest."""
        oldest = EPOCH + timedelta(seconds=question.at_s - rules.max_age_s)
        known = dict(beyond) | {
            name: one
            for name, one in earlier.items()
            if name in rules.wanted and name not in _NEVER_AGAIN and one.observed_at >= oldest
        }
        return list(known.values()), {name: one for name, one in answers.items() if name not in known}


def _known_beforehand(signal: Signal) -> bool:
    """Whether the broker knows without asking: not offered, not permitted, and no session whose possession to prove."""
    if isinstance(signal, Observed):
        return False
    without_session = signal.name in _NEVER_AGAIN and signal.reason is Unavailability.NOT_APPLICABLE
    return without_session or signal.reason in _NOT_ASKED


_NOT_ASKED = frozenset({Unavailability.UNSUPPORTED, Unavailability.NOT_PERMITTED})
_BEHAVIOURS = tuple(Behaviour)


def _recently_swapped(evidence: Evidence) -> bool:
    """The field's usual rule: a SIM change of less than seven days, as far as the operator says."""
    seen = evidence.observed(SignalName.SIM_SWAP)
    if seen is None or not isinstance(seen.value, AgeRange):
        return False
    latest = seen.value.at_most_s
    return latest is not None and (latest <= _NAIVE_WINDOW_S or seen.value.at_least_s < _NAIVE_WINDOW_S)
