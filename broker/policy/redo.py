"""Decide again what was decided: the same evidence at the same instant, under any document and table."""

from datetime import datetime

import msgspec

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Assessment, Decision
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
    action: Action,
    evidence: Evidence,
    at: datetime,
    action_class: ActionClass | None = None,
    stopped: bool = False,
) -> Redone:
    """Class, assessment and decision.

    Args:
        document: must govern the action's type.
        table: the weights.
        action: as it was asked.
        evidence: as it was recorded.
        at: the instant of the first decision, from which ages count.
        action_class: the class that it was given then, where that is not the document's alone to say.
        stopped: whether a stop was in force then.

    Raises:
        KeyError: the document does not govern the action.
    """
    if action_class is None:
        action_class = document.actions[action.type].classify(action)
    rules = document.rules(action_class)
    assessment = assess(table, rules, evidence, at)
    decision = decide(assessment, evidence, rules, document)
    return Redone(action_class, assessment, halted(decision) if stopped else decision)
