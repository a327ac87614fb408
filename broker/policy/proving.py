"""The worked examples of a document must come out as written, or nobody may use it."""

from collections.abc import Iterator

from broker.errors import LineFault, Misconfigured
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.score import assess
from broker.policy.sketch import INSTANT, Example


def require_proven(document: PolicyDocument, table: EvidenceTable) -> None:
    """Decide every worked example, weighed with ``table``.

    Raises:
        Misconfigured: with file, line and example of each that comes out otherwise.
    """
    faults = [
        LineFault(f"/examples/{index}", example.line, f"example {example.name!r}: {fault}")
        for index, example in enumerate(document.examples)
        for fault in _faults(document, example, table)
    ]
    if faults:
        words = "; ".join(f"{document.file}, line {fault.line}, {fault.detail}" for fault in faults)
        raise Misconfigured(words, faults)


def _faults(document: PolicyDocument, example: Example, table: EvidenceTable) -> Iterator[str]:
    actions = document.actions.get(example.action.type)
    if actions is None:
        yield f"the document has no action {example.action.type!r}"
        return
    action_class = actions.classify(example.action)
    if action_class is not example.action_class:
        yield f"the class is {action_class.wire}, not {example.action_class.wire}"
        return
    rules = document.rules(action_class)
    decision = decide(assess(table, rules, example.evidence, INSTANT), example.evidence, rules, document)
    if decision.outcome is not example.outcome:
        reasons = ", ".join(reason.code for reason in decision.reasons) or "none"
        yield f"decides {decision.outcome.wire}, not {example.outcome.wire} (reasons: {reasons})"
