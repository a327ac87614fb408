"""Weighing and deciding in one, for what came and for what might have come."""

from collections.abc import Hashable, Iterable
from datetime import date, datetime

import msgspec

from broker.domain.decision import Assessment, Decision, Floor
from broker.domain.evidence import Evidence
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.policy import extremes, score
from broker.policy.decide import Brief, decide, decide_in_brief
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.facts import Facts, facts_of, together
from broker.policy.gist import Gist, Part, Weighing
from broker.policy.reading import Reader
from broker.policy.rules import ClassRules
from broker.policy.tenure import bound_since, latest_day

_LINE = (SignalName.SIM_SWAP, SignalName.DEVICE_SWAP)


class _Seen(msgspec.Struct, frozen=True):
    """A signal, and all that it says by itself: its weight, its facts, the day of its change, the day of a binding."""

    signal: Signal
    part: Part
    facts: Facts
    changed: date | None
    bound: date | None


_Together = dict[SignalName, _Seen]


class Ends:
    """How a class reads the cleanest and the worst answers, found once for all its checks.

    They lie in the middle of a state or beyond the last knot, so it makes no difference when they are read.
    """

    def __init__(self, table: EvidenceTable, rules: ClassRules) -> None:
        self._table = table
        self._rules = rules
        self._weighing = Weighing(table, rules)
        self._read: dict[tuple[SignalName, str], tuple[Part, Facts]] = {}

    def read(self, end: str, signal: Signal, now: datetime) -> tuple[Part, Facts]:
        """Weight and facts of one end of a signal."""
        found = self._read.get((signal.name, end))
        if found is None:
            reading = Reader(self._table, self._rules.action_class, now).one(signal.name, signal)
            found = self._read[signal.name, end] = self._weighing.part(reading), facts_of(signal, self._rules)
        return found


class WhatIf:
    """Weighs and decides under one table, document and class at one instant, also what is only supposed.

    Suppositions differ in a signal or two, so what each signal says is read once, and what each of them came to is
    kept, for as long as this lives: one check.
    """

    def __init__(
        self,
        table: EvidenceTable,
        document: PolicyDocument,
        rules: ClassRules,
        now: datetime,
        floors: tuple[Floor, ...] = (),
        ends: Ends | None = None,
    ) -> None:
        self.floors = floors
        self._table = table
        self._document = document
        self._rules = rules
        self._now = now
        self._ends = ends
        self._reader = Reader(table, rules.action_class, now)
        self._weighing = Weighing(table, rules)
        # By identity, for that costs nothing; each value holds what its key names, so that an id stays its own.
        self._seen: dict[int, _Seen] = {}
        self._evidence: dict[int, tuple[Evidence, _Together]] = {}
        self._excuses: dict[int, Part] = {}
        self._briefs: dict[frozenset[int], Brief] = {}
        self._made: dict[tuple[SignalName, str], Signal] = {}

    def assess(self, evidence: Evidence) -> Assessment:
        """The weight of the evidence."""
        seen = self._together(evidence)
        found = {name: one.part.reading for name, one in seen.items()}
        found.update({name: self._reader.one(name, None) for name in self._rules.wanted if name not in found})
        readings = {name: found[name] for name in sorted(found)}
        return score.weigh(self._table, self._rules, readings, self._excused(seen))

    def decide(self, evidence: Evidence, assessment: Assessment | None = None) -> Decision:
        """What would be decided; ``assessment`` where it is known already."""
        assessment = assessment or self.assess(evidence)
        facts = self._facts(self._together(evidence))
        return decide(assessment, evidence, self._rules, self._document, self.floors, facts)

    def suppose(self, known: Evidence, instead: Iterable[Signal] = ()) -> Brief:
        """What would be decided, in brief, with some signals instead of what is known under their names."""
        seen = self._together(known, instead)
        key = frozenset(map(id, seen.values()))
        found = self._briefs.get(key)
        if found is None:
            gist, facts = self._gist(seen), self._facts(seen)
            found = self._briefs[key] = decide_in_brief(gist, facts, self._rules, self._document, self.floors)
        return found

    def gist(self, known: Evidence, instead: Iterable[Signal] = ()) -> Gist:
        """What it would be decided by."""
        return self._gist(self._together(known, instead))

    def if_clean(self, evidence: Evidence, names: Iterable[SignalName]) -> Brief:
        """What would be decided, had these signals come out clean."""
        return self.suppose(evidence, [self.clean(name) for name in names])

    def clean(self, name: SignalName) -> Signal:
        """The cleanest fresh answer."""
        return self._made.get((name, "clean")) or self._make(name, "clean", extremes.clean(name, self._now))

    def worst(self, name: SignalName) -> Signal:
        """The worst fresh answer."""
        return self._made.get((name, "worst")) or self._make(name, "worst", extremes.worst(name, self._now))

    def skipped(self, name: SignalName) -> Signal:
        """No answer, for nobody asked."""
        found = self._made.get((name, "skipped"))
        return found or self._make(name, "skipped", Unavailable(name, Unavailability.SKIPPED))

    def bound_today(self) -> Signal:
        """See :func:`broker.policy.extremes.bound_today`."""
        name = SignalName.KYC_TENURE
        found = self._made.get((name, "today"))
        if found is None:  # how long today is so far changes, so nobody else's will do
            found = self._made[name, "today"] = extremes.bound_today(self._now)
        return found

    def as_clean_as_can_be(self, evidence: Evidence, name: SignalName) -> bool:
        """Whether a signal says already what its cleanest answer would, so that supposing that changes nothing."""
        seen = evidence.get(name)
        alike = None if seen is None else self.alike(seen)
        return alike is not None and alike == self.alike(self.clean(name))

    def alike(self, signal: Signal) -> Hashable | None:
        """See :func:`broker.policy.extremes.alike`."""
        return extremes.alike(signal, self._now, fix_fresh_s=self._table.freshness.fix_fresh_s)

    def _make(self, name: SignalName, end: str, signal: Signal) -> Signal:
        self._made[name, end] = signal
        if self._ends is None:
            self._ends = Ends(self._table, self._rules)
        self._see(signal, *self._ends.read(end, signal, self._now))
        return signal

    def _together(self, known: Evidence, instead: Iterable[Signal] = ()) -> _Together:
        found = self._evidence.get(id(known))
        if found is None:
            found = self._evidence[id(known)] = known, {one.name: self._look(one) for one in known.signals}
        return {**found[1], **{one.name: self._look(one) for one in instead}}

    def _look(self, signal: Signal) -> _Seen:
        found = self._seen.get(id(signal))
        if found is None:
            part = self._weighing.part(self._reader.one(signal.name, signal))
            found = self._see(signal, part, facts_of(signal, self._rules))
        return found

    def _see(self, signal: Signal, part: Part, facts: Facts) -> _Seen:
        changed = latest_day(signal) if isinstance(signal, Observed) and signal.name in _LINE else None
        bound = bound_since(signal, self._rules.action_class)
        seen = self._seen[id(signal)] = _Seen(signal, part, facts, changed, bound)
        return seen

    def _excused(self, seen: _Together) -> tuple[SignalName, ...]:
        """What :func:`broker.policy.tenure.before_binding` says of these signals."""
        tenure = seen.get(SignalName.KYC_TENURE)
        bound = None if tenure is None else tenure.bound
        if bound is None:
            return ()
        changes = ((name, seen[name].changed) for name in _LINE if name in seen)
        return tuple(name for name, changed in changes if changed is not None and changed <= bound)

    def _facts(self, seen: _Together) -> Facts:
        return together([one.facts for one in seen.values()], self._excused(seen))

    def _gist(self, seen: _Together) -> Gist:
        parts = {name: one.part for name, one in seen.items()}
        for name in self._excused(seen):
            parts[name] = self._excuse(parts[name])
        return self._weighing(parts)

    def _excuse(self, part: Part) -> Part:
        found = self._excuses.get(id(part))
        if found is None:
            found = self._excuses[id(part)] = self._weighing.part(score.excuse(self._table, part.reading))
        return found
