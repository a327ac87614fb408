"""Play one policy over one world: each question is answered by operators, weighed and decided as the broker would.

The work is cut into shards with a seed each, so that the result is the same on one core and on many.
"""

from array import array
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

import msgspec

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Floor, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Observed, Signal, SignalName
from broker.policy.book import PolicyBook
from broker.policy.caution import CautionLimits, Recent, caution
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.proving import require_proven
from broker.policy.rules import ClassRules
from broker.policy.scenarios import TableFile
from broker.policy.score import assess
from broker.policy.yaml_text import YamlText
from broker.simulation import parameters
from broker.simulation.lives import DAY_S
from broker.simulation.network import EPOCH, Network
from broker.simulation.parameters import WorldFile
from broker.simulation.traffic import Adaptation, Behaviour, Question, Traffic

SHARDS = 16
_LIMITS = CautionLimits()
_NEVER_AGAIN = frozenset({SignalName.NUMBER_VERIFICATION})
_NAIVE_WINDOW_S = 7 * DAY_S


class Inputs(msgspec.Struct, frozen=True):
    """The texts that a world and a policy are made from: ``(name, text)`` each, so that any process can read them."""

    world: tuple[str, str]
    table: tuple[str, str]
    policies: tuple[tuple[str, str], ...]


class Shard(msgspec.Struct, frozen=True):
    """One part of a run; equal shards give equal tallies."""

    inputs: Inputs
    seed: int
    number: int
    questions: int
    attack_factor: float = 1.0
    adaptation: Adaptation | None = None
    answer_within_ms: float = 1350.0


class Names(msgspec.Struct, frozen=True):
    """What the numbers in a tally stand for."""

    scenarios: tuple[str, ...]
    operators: tuple[str, ...]
    countries: tuple[str, ...]
    """The country of each operator."""


class Tally(msgspec.Struct):
    """One row a question, in columns; attempts after the first belong to the same session.

    ``naive`` says whether the operator reported a SIM change within seven days; ``asked`` counts questions to
    operators.
    """

    names: Names
    probability: "array[float]"
    weight: "array[float]"
    attack: bytearray
    outcome: bytearray
    action_class: bytearray
    scenario: bytearray
    operator: bytearray
    behaviour: bytearray
    naive: bytearray
    asked: bytearray
    attempt: bytearray
    session: "array[int]"

    @classmethod
    def empty(cls, names: Names) -> "Tally":
        """No rows yet."""
        columns = {name: bytearray() for name in _BYTES}
        return cls(names=names, probability=array("d"), weight=array("d"), session=array("q"), **columns)

    def __len__(self) -> int:
        return len(self.attack)

    def extend(self, other: "Tally") -> None:
        """Add the rows of another shard, whose sessions are numbered on from ours."""
        offset = max(self.session, default=0)
        for column in _COLUMNS:
            getattr(self, column).extend(getattr(other, column))
        self.session.extend(offset + number for number in other.session)


_BYTES = ("attack", "outcome", "action_class", "scenario", "operator", "behaviour", "naive", "asked", "attempt")
_COLUMNS = ("probability", "weight", *_BYTES)


def shards(
    inputs: Inputs, *, questions: int, seed: int, attack_factor: float = 1.0, adaptation: Adaptation | None = None
) -> list[Shard]:
    """The parts of a run of ``questions``."""
    each, more = divmod(questions, SHARDS)
    sizes = [each + (number < more) for number in range(SHARDS)]
    return [
        Shard(inputs, seed, number, size, attack_factor, adaptation) for number, size in enumerate(sizes) if size > 0
    ]


def play(shard: Shard) -> Tally:
    """Play one shard.

    Raises:
        Misconfigured: a text that cannot be read, with file, line and key.
    """
    return _Player(shard).run()


def merged(tallies: Iterable[Tally]) -> Tally:
    """All shards of a run in one, in the order given."""
    whole: Tally | None = None
    for tally in tallies:
        if whole is None:
            whole = Tally.empty(tally.names)
        whole.extend(tally)
    if whole is None:
        raise ValueError("no shard was played")
    return whole


class _Prepared(NamedTuple):
    """What follows from the texts alone."""

    world: WorldFile
    scenarios: TableFile
    table: EvidenceTable
    book: PolicyBook


@lru_cache(maxsize=1)
def _prepared(inputs: Inputs) -> _Prepared:
    """Remembered, for compiling policies takes as long as playing a thousand questions."""
    world_name, world_text = inputs.world
    table_name, table_text = inputs.table
    table = EvidenceTable.read(table_text, source=table_name)
    return _Prepared(
        world=parameters.read(world_text, source=world_name),
        scenarios=TableFile.model_validate(YamlText(table_text, table_name).value),
        table=table,
        book=PolicyBook(_proven(text, name, table) for name, text in inputs.policies),
    )


def _proven(text: str, name: str, table: EvidenceTable) -> PolicyDocument:
    document = PolicyDocument.read(text, source=name)
    require_proven(document, table)
    return document


class _Player:
    """Everything that one shard needs."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._world, self._scenarios, self._table, self._book = _prepared(shard.inputs)
        self._networks = {
            one.name: Network(one, self._world.days, shard.answer_within_ms, self._random("operator", one.name))
            for one in self._world.operators
        }
        sides = self._scenarios.scenarios
        self._names = Names(
            scenarios=(*sides.legitimate, *sides.attack),
            operators=tuple(one.name for one in self._world.operators),
            countries=tuple(one.country for one in self._world.operators),
        )
        self._scenario_at = {name: at for at, name in enumerate(self._names.scenarios)}
        self._operator_at = {name: at for at, name in enumerate(self._names.operators)}
        self._earlier: dict[SignalName, Observed] = {}
        self._recent: list[Recent] = []
        self._session = 0

    def run(self) -> Tally:
        traffic = Traffic(
            self._world,
            self._scenarios,
            self._class_of,
            self._random("traffic", ""),
            attack_factor=self._shard.attack_factor,
            adaptation=self._shard.adaptation,
        )
        tally = Tally.empty(self._names)
        for question in traffic.questions(self._shard.questions):
            self._answer(question, tally)
        return tally

    def _random(self, what: str, name: str) -> Random:
        """Independent sources: an operator more changes nobody else's luck."""
        return Random(f"{self._shard.seed}/{self._shard.number}/{what}/{name}")  # noqa: S311 - a reproducible world

    def _class_of(self, action: Action) -> tuple[ActionClass, float]:
        document, action_class = self._book.resolve(action)
        return action_class, document.rules(action_class).prior

    def _answer(self, question: Question, tally: Tally) -> None:
        if question.session != self._session:
            self._session, self._earlier, self._recent = question.session, {}, []
        action = question.action
        document, asked_class = self._book.resolve(action)
        now = EPOCH + timedelta(seconds=question.at_s)
        ours = Recent(now, action.type, asked_class, msgspec.json.encode(action), None, action.amount)
        care = caution(document, action, ours, self._recent, _LIMITS)
        action_class, rules = care.action_class, document.rules(care.action_class)
        evidence, asked = self._evidence(question, rules)
        assessment = assess(self._table, rules, evidence, now)
        decision = decide(assessment, evidence, rules, document, tuple(Floor(code, care.floor) for code in care.codes))
        self._recent.append(msgspec.structs.replace(ours, action_class=action_class, outcome=decision.outcome))
        tally.probability.append(assessment.probability)
        tally.weight.append(question.weight)
        tally.attack.append(question.attack)
        tally.outcome.append(decision.outcome)
        tally.action_class.append(action_class)
        tally.scenario.append(self._scenario_at[question.line.episode.scenario])
        tally.operator.append(self._operator_at[question.operator.name])
        tally.behaviour.append(_BEHAVIOURS.index(question.behaviour))
        tally.naive.append(_recently_swapped(evidence))
        tally.asked.append(asked)
        tally.attempt.append(question.attempt)
        tally.session.append(question.session)

    def _evidence(self, question: Question, rules: ClassRules) -> tuple[Evidence, int]:
        """What is known within this session, and the operator's answers to the rest."""
        known = self._still_good(question, rules)
        rest = [name for name in rules.wanted if name not in known]
        network = self._networks[question.operator.name]
        answers = network.ask(rest, question.line, question.at_s)
        self._earlier |= {name: one for name, one in answers.items() if isinstance(one, Observed)}
        asked = sum(name in question.operator.answers for name in rest)
        return Evidence.of([*known.values(), *answers.values()]), asked

    def _still_good(self, question: Question, rules: ClassRules) -> Mapping[SignalName, Signal]:
        oldest = EPOCH + timedelta(seconds=question.at_s - rules.max_age_s)
        return {
            name: one
            for name, one in self._earlier.items()
            if name in rules.wanted and name not in _NEVER_AGAIN and one.observed_at >= oldest
        }


_BEHAVIOURS = tuple(Behaviour)


def _recently_swapped(evidence: Evidence) -> bool:
    """The field's usual rule: a SIM change of less than seven days, as far as the operator says."""
    seen = evidence.observed(SignalName.SIM_SWAP)
    if seen is None or not isinstance(seen.value, AgeRange):
        return False
    latest = seen.value.at_most_s
    return latest is not None and (latest <= _NAIVE_WINDOW_S or seen.value.at_least_s < _NAIVE_WINDOW_S)


def outcome_names() -> tuple[str, ...]:
    """The decision behind each number in ``outcome``."""
    return tuple(one.wire for one in Outcome)
