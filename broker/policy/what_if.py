"""Weighing and deciding in one, for what came and for what might have come."""

from datetime import datetime

from broker.domain.decision import Assessment, Decision, Floor, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy import extremes
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.rules import ClassRules
from broker.policy.score import assess


class WhatIf:
    """Weighs and decides under one table, document and class at one instant, also what is only supposed."""

    def __init__(
        self,
        table: EvidenceTable,
        document: PolicyDocument,
        rules: ClassRules,
        now: datetime,
        floors: tuple[Floor, ...] = (),
    ) -> None:
        self._table = table
        self._document = document
        self._rules = rules
        self._now = now
        self._floors = floors

    def assess(self, evidence: Evidence) -> Assessment:
        """The weight of the evidence."""
        return assess(self._table, self._rules, evidence, self._now)

    def decide(self, evidence: Evidence, assessment: Assessment | None = None) -> Decision:
        """What would be decided; ``assessment`` where it is known already."""
        return decide(assessment or self.assess(evidence), evidence, self._rules, self._document, self._floors)

    def if_clean(self, evidence: Evidence, names: tuple[SignalName, ...]) -> Outcome:
        """What would be decided, had these signals come out clean."""
        return self.decide(extremes.replaced(evidence, (extremes.clean(name, self._now) for name in names))).outcome
