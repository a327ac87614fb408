"""Decide again what was decided: the same evidence at the same instant, under any document and table."""

from datetime import datetime

import msgspec

from broker.domain.decision import ActionClass, Assessment, Decision, Floor
from broker.domain.evidence import Evidence
from broker.policy.decide import decide, halted
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.score import assess


class Redone(msgspec.Struct, frozen=True):
    """What came out; :meth:`bytes` is equal exactly where two of them are, to the last bit of every number."""

    action_class: ActionClass
    assessment: Assessment
    decision: Decision

    def bytes(self) -> bytes:
        """One text for one result: numbers are written so that they read back as the same bits."""
        return msgspec.json.encode(self)


def redo(
    document: PolicyDocument,
    table: EvidenceTable,
    *,
    action_class: ActionClass,
    evidence: Evidence,
    at: datetime,
    stopped: bool = False,
    floors: tuple[Floor, ...] = (),
) -> Redone:
    """Assessment and decision for a class.

    Args:
        document: the rules.
        table: the weights.
        action_class: as it was given then, or as the document gives it to the action.
        evidence: as it was recorded.
        at: the instant of the first decision, from which ages count.
        stopped: whether a stop was in force then.
        floors: what looking back asked for then.

    Raises:
        KeyError: the document does not define the class.
    """
    rules = document.rules(action_class)
    assessment = assess(table, rules, evidence, at)
    decision = decide(assessment, evidence, rules, document, floors)
    return Redone(action_class, assessment, halted(decision) if stopped else decision)
