"""What to ask next, what to leave, and when to stop: a plan's signals in waves, most information for its cost first.

A wave is the smallest set that would settle the decision if its answers came out clean, as most do. After it the same
question is put again with what really came. A signal is left out when

* no answer of it, nor of all that are left out together, could change the decision (:data:`DECIDED`), or
* for low and medium, the probability that one would is at most :data:`UNLIKELY_MAX` (:data:`UNLIKELY`). For high and
  critical nothing is left to chance.

"The decision" is the outcome, and where it is a step-up, the methods offered: a cheaper plan must not offer a weaker
one. For high and critical it is also whether the evidence is suspicious, for what a step-up proves is weighed with it.
That only the two ends have to be tried rests on the laws of scoring: worse evidence never helps.
"""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from broker.domain.cost import Tariff
from broker.domain.decision import ActionClass, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import Signal, SignalName, Unavailability, Unavailable
from broker.policy import extremes
from broker.policy.decide import Brief
from broker.policy.evidence_table import EvidenceTable
from broker.policy.rules import ClassRules
from broker.policy.scenarios import STATES
from broker.policy.what_if import Ends, WhatIf

DECIDED = "DECIDED"
"""Not asked: no answer could have changed the decision."""
UNLIKELY = "UNLIKELY"
"""Not asked: an answer would hardly ever have changed the decision."""
UNLIKELY_MAX = 0.002
"""A share of checks; five in a thousand may come out differently, and the rest is kept for what is not foreseen."""

# What a second of waiting may cost, so that of two signals with one price the quicker one is asked first.
_PRICE_PER_S = 0.02
_FREE = 1e-6


class Wave(msgspec.Struct, frozen=True):
    """What to ask now, most information for its cost first, and what to leave if the answers come out as expected."""

    ask: tuple[SignalName, ...]
    left: tuple[Unavailable, ...]


class WavePlanner:
    """Plans the waves of one check.

    Args:
        table: information and shares of states.
        rules: of the action's class.
        what_if: decides supposed evidence, under the same table and rules.
        tariffs: what each signal costs and how long it takes; a signal left out is free and at once.
        now: the instant of the check.
    """

    def __init__(
        self,
        table: EvidenceTable,
        rules: ClassRules,
        what_if: WhatIf,
        tariffs: Mapping[SignalName, Tariff],
        now: datetime,
    ) -> None:
        self._table = table
        self._rules = rules
        self._what_if = what_if
        self._tariffs = tariffs
        self._now = now

    @property
    def basis(self) -> Hashable:
        """What waves depend on beside the signals: table, rules and tariffs, each by identity, and the floors."""
        return id(self._table), id(self._rules), id(self._tariffs), self._what_if.floors

    @property
    def held(self) -> tuple[object, ...]:
        """What the basis names by identity, which whoever keeps the basis has to keep alive."""
        return self._table, self._rules, self._tariffs

    def alike(self, known: Evidence) -> Hashable | None:
        """What evidence has in common after which the waves are the same; ``None`` where it is of its own kind."""
        kinds = tuple(self._what_if.alike(one) for one in known.signals)
        return None if None in kinds else kinds

    def next(self, known: Evidence, open_: Collection[SignalName]) -> Wave:
        """The next wave; nothing to ask means that the decision stands.

        Args:
            known: everything that is settled: answers, and signals that cannot be had.
            open_: signals that could be asked.
        """
        ask = self.in_order(open_)
        code = self._why_not(known, (), ask)  # after most first waves this is all there is to see
        left = [] if code is None else ask
        for name in reversed(ask if code is None and len(ask) > 1 else ()):
            found = self._why_not(known, [one for one in ask if one != name and one not in left], [*left, name])
            if found is not None:
                code, left = found, [*left, name]
        skipped = (Unavailable(name, Unavailability.SKIPPED, code) for name in sorted(left))
        return Wave(tuple(name for name in ask if name not in left), tuple(skipped))

    def in_order(self, names: Iterable[SignalName]) -> list[SignalName]:
        """Most information per cost and time first."""
        return sorted(names, key=lambda name: (-self._worth(name), name))

    def _worth(self, name: SignalName) -> float:
        tariff = self._tariffs.get(name)
        cost = 0.0 if tariff is None else float(tariff.price or 0) + _PRICE_PER_S * tariff.typical_ms / 1000.0
        return self._table.signals[name].information / (cost + _FREE)

    def _why_not(self, known: Evidence, asked: Sequence[SignalName], left: Sequence[SignalName]) -> str | None:
        """Why these may be left if the asked ones come out clean; ``None`` if they may not."""
        what_if = self._what_if
        usual = [what_if.clean(name) for name in asked]
        ends = (what_if.suppose(known, [*usual, *answers]) for answers in self._ends(left))
        # The ends among themselves first: where two of them differ, as most often, nothing else has to be supposed.
        worst = next(ends)
        settled = all(self._same(worst, end) for end in ends)
        left_to_chance = self._rules.action_class < ActionClass.HIGH
        if not (settled or left_to_chance):
            return None
        plain = what_if.suppose(known, [*usual, *map(what_if.skipped, left)])
        if settled and self._same(plain, worst):
            return DECIDED
        return UNLIKELY if left_to_chance and self._chance(known, usual, plain, left) <= UNLIKELY_MAX else None

    def _ends(self, left: Sequence[SignalName]) -> Iterator[list[Signal]]:
        """The extremes between which every combination of answers lies.

        The clean one comes second, for it is the same whatever is left, and known from the first on. Tenure has two
        clean ends: a long one, and one since today, which excuses a young SIM.
        """
        yield [self._what_if.worst(name) for name in left]
        yield [self._what_if.clean(name) for name in left]
        if SignalName.KYC_TENURE in left:
            others = [self._what_if.clean(name) for name in left if name is not SignalName.KYC_TENURE]
            yield [*others, self._what_if.bound_today()]

    def _chance(self, known: Evidence, usual: Sequence[Signal], plain: Brief, left: Sequence[SignalName]) -> float:
        """How probable it is that one of these signals alone would change the decision."""
        fraud = self._what_if.gist(known, usual).probability
        chance = 0.0
        for name in left:
            weights = self._table.signals[name]
            rest = [self._what_if.skipped(one) for one in left if one != name]
            for at, state in enumerate(STATES[name]):
                share = (1.0 - fraud) * weights.legitimate[at] + fraud * weights.attack[at]
                answers = [*usual, extremes.supposed(name, state, self._now), *rest]
                if not self._same(plain, self._what_if.suppose(known, answers)):
                    chance += share
            if chance > UNLIKELY_MAX:
                break
        return chance

    def _same(self, left: Brief, right: Brief) -> bool:
        if left.outcome is not right.outcome:
            return False
        if self._rules.action_class >= ActionClass.HIGH and left.suspicious is not right.suspicious:
            return False
        return left.outcome is not Outcome.STEP_UP or left.methods_offered == right.methods_offered


class WaveMemory:
    """Remembers waves: most checks of a class begin alike, and go on alike where the first answers are clean.

    Args:
        entries_max: how many; the least recently used go first.
        classes_max: for how many tables and classes the ends of all signals are kept.
    """

    def __init__(self, *, entries_max: int = 4096, classes_max: int = 1024) -> None:
        self._entries_max = entries_max
        self._entries: OrderedDict[Hashable, tuple[Wave, tuple[object, ...]]] = OrderedDict()
        self._classes_max = classes_max
        self._ends: OrderedDict[tuple[int, int], tuple[Ends, EvidenceTable, ClassRules]] = OrderedDict()

    def ends(self, table: EvidenceTable, rules: ClassRules) -> Ends:
        """How a class reads the ends of its signals under a table; the same for all its checks."""
        found = self._ends.get((id(table), id(rules)))
        if found is None:
            found = self._ends[id(table), id(rules)] = Ends(table, rules), table, rules
            if len(self._ends) > self._classes_max:
                self._ends.popitem(last=False)
        return found[0]

    def next(self, planner: WavePlanner, known: Evidence, open_: frozenset[SignalName]) -> Wave:
        """The planner's next wave; from memory where nothing is known that only this check knows."""
        alike = planner.alike(known)
        if alike is None:
            return planner.next(known, open_)
        key = (planner.basis, open_, alike)
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = (planner.next(known, open_), planner.held)
            if len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        return found[0]
