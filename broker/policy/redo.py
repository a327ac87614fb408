"""Decide again what was decided: the same evidence at the same instant, under any document and table."""

from datetime import datetime

import msgspec

from broker.domain.decision import ActionClass, Assessment, Decision, Floor
from broker.domain.evidence import Evidence
from broker.domain.record import Check, HumanRuling, Proof
from broker.policy.decide import decide, halted
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.revise import revised
from broker.policy.score import assess


class Redone(msgspec.Struct, frozen=True):
    """What came out; :meth:`bytes` is equal exactly where two of them are, to the last bit of every number."""

    action_class: ActionClass
    assessment: Assessment
    decision: Decision

    def bytes(self) -> bytes:
        """One text for one result: numbers are written so that they read back as the same bits."""
        return msgspec.json.encode(self)


class Beside(msgspec.Struct, frozen=True):
    """What counted beside the evidence: a stop, what looking back asked for, and what people added."""

    stopped: bool = False
    floors: tuple[Floor, ...] = ()
    proofs: tuple[Proof, ...] = ()
    ruling: HumanRuling | None = None

    @classmethod
    def of(cls, check: Check) -> "Beside":
        """What counted when a check last settled."""
        return cls(check.stop is not None, check.floors, check.proofs, check.ruling)


def redo(
    document: PolicyDocument,
    table: EvidenceTable,
    *,
    action_class: ActionClass,
    evidence: Evidence,
    at: datetime,
    beside: Beside,
) -> Redone:
    """Assessment and decision for a class.

    Args:
        document: the rules.
        table: the weights.
        action_class: as it was given then, or as the document gives it to the action.
        evidence: as it was recorded.
        at: the instant of the first decision, from which ages count.
        beside: what else counted then.

    Raises:
        KeyError: the document does not define the class.
    """
    rules = document.rules(action_class)
    assessment = assess(table, rules, evidence, at)
    decision = decide(assessment, evidence, rules, document, beside.floors)
    decision = halted(decision) if beside.stopped else decision
    return Redone(action_class, assessment, revised(decision, beside.proofs, beside.ruling))
