"""Weighing and deciding in one, for what came and for what might have come."""

from collections.abc import Hashable, Iterable
from datetime import datetime

from broker.domain.decision import Assessment, Decision, Floor
from broker.domain.evidence import Evidence
from broker.domain.signal import Observed, Signal, SignalName
from broker.policy import extremes
from broker.policy.decide import Brief, decide, decide_in_brief
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.reading import Reader, Reading
from broker.policy.rules import ClassRules
from broker.policy.score import assess, weigh


class WhatIf:
    """Weighs and decides under one table, document and class at one instant, also what is only supposed.

    Suppositions differ in a signal or two, so what each signal says is read once and kept for as long as this lives.
    """

    def __init__(
        self,
        table: EvidenceTable,
        document: PolicyDocument,
        rules: ClassRules,
        now: datetime,
        floors: tuple[Floor, ...] = (),
    ) -> None:
        self.floors = floors
        self._table = table
        self._document = document
        self._rules = rules
        self._now = now
        self._reader = Reader(table, rules.action_class, now)
        # By identity, for that costs nothing; each signal is held beside its reading, so that its id stays its own.
        self._read: dict[int, tuple[Signal, Reading]] = {}
        self._supposed: dict[tuple[SignalName, str], Observed] = {}

    def assess(self, evidence: Evidence) -> Assessment:
        """The weight of the evidence."""
        return assess(self._table, self._rules, evidence, self._now)

    def decide(self, evidence: Evidence, assessment: Assessment | None = None) -> Decision:
        """What would be decided; ``assessment`` where it is known already."""
        return decide(assessment or self.assess(evidence), evidence, self._rules, self._document, self.floors)

    def suppose(self, evidence: Evidence) -> Brief:
        """What would be decided, in brief."""
        assessment = weigh(self._table, self._rules, evidence, self._readings(evidence))
        return decide_in_brief(assessment, evidence, self._rules, self._document, self.floors)

    def if_clean(self, evidence: Evidence, names: Iterable[SignalName]) -> Brief:
        """What would be decided, had these signals come out clean."""
        return self.suppose(extremes.replaced(evidence, (self.clean(name) for name in names)))

    def clean(self, name: SignalName) -> Observed:
        """The cleanest fresh answer."""
        return self._kept(name, "clean")

    def worst(self, name: SignalName) -> Observed:
        """The worst fresh answer."""
        return self._kept(name, "worst")

    def as_clean_as_can_be(self, evidence: Evidence, name: SignalName) -> bool:
        """Whether a signal says already what its cleanest answer would, so that supposing that changes nothing."""
        seen = evidence.get(name)
        alike = None if seen is None else self.alike(seen)
        return alike is not None and alike == self.alike(self.clean(name))

    def alike(self, signal: Signal) -> Hashable | None:
        """See :func:`broker.policy.extremes.alike`."""
        return extremes.alike(signal, self._now, fix_fresh_s=self._table.freshness.fix_fresh_s)

    def _readings(self, evidence: Evidence) -> dict[SignalName, Reading]:
        there = {signal.name: self._reading(signal) for signal in evidence.signals}
        lacking = {name: self._reader.one(name, None) for name in self._rules.wanted if name not in there}
        return dict(sorted((there | lacking).items())) if lacking else there

    def _reading(self, signal: Signal) -> Reading:
        found = self._read.get(id(signal))
        if found is None:
            found = self._read[id(signal)] = signal, self._reader.one(signal.name, signal)
        return found[1]

    def _kept(self, name: SignalName, end: str) -> Observed:
        found = self._supposed.get((name, end))
        if found is None:
            make = extremes.clean if end == "clean" else extremes.worst
            found = self._supposed[name, end] = make(name, self._now)
        return found
