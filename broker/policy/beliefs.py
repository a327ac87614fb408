"""A policy's own beliefs: what it puts in place of entries of the deployment's scenario table.

They stand in the document, under ``evidence``, in the shape of the table's file, so they are published, compared,
approved, shadowed, rolled back and replayed with it: a record's two digests, of the policy and of the deployment's
table, say all that the weights came from. What results is read and refused like any table.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from broker.domain.decision import ActionClass
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.rules import ClassRules
from broker.policy.score import logit
from broker.policy.yaml_text import Path, YamlText, refused

KEY = "evidence"

_NOT_OWN = frozenset({"id", "version"})
_WHOLE = frozenset({"mix", "states", "intercepts"})
"""Shares that belong together: half of a distribution means nothing beside half of another."""


def own_table(
    document: PolicyDocument, table: EvidenceTable, table_text: str, where: YamlText | None = None
) -> EvidenceTable:
    """The table that a document is decided by: the deployment's, with what the document puts in its place.

    Args:
        document: as published.
        table: the deployment's, from ``table_text``.
        table_text: the text behind it.
        where: the document's text, so that messages point at its lines.

    Raises:
        Misconfigured: an entry without its own source, a table that the loader refuses, or maps by which a more
            sensitive class would be trusted more on the same evidence.
    """
    source = where.within(KEY) if where is not None else f"{document.file}, {KEY}"
    own = table
    if document.evidence is not None:
        base = YamlText(table_text, table.id).value
        if faults := [*_faults(base, document.evidence, ())]:
            raise refused(source, faults)
        own = EvidenceTable.parse(_merged(base, document.evidence), source=source)
    if faults := [*_disorder(document, own)]:
        raise refused(source, faults)
    return own


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Entry by entry; what is no mapping, and what belongs together, is replaced as a whole."""
    found = dict(base)
    for key, value in own.items():
        before = base.get(key)
        inner = isinstance(value, Mapping) and isinstance(before, Mapping) and key not in _WHOLE
        found[key] = _merged(before, value) if inner else value  # type: ignore[arg-type]
    return found


def _faults(base: Mapping[str, Any], own: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for key in _NOT_OWN.intersection(own) if not path else ():
        yield (key,), "is the deployment's table's own; a policy has its version above"
    if "source" in base and "source" not in own:
        yield path, "needs a source of its own: a key of `sources`, or the word 'assumption'"
    for key, value in own.items():
        before = base.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and key not in _WHOLE:
            yield from _faults(before, value, (*path, key))


def _disorder(document: PolicyDocument, table: EvidenceTable) -> Iterator[tuple[Path, str]]:
    """Lines that do not cross between the least and the most evidence keep their order everywhere."""
    classes = sorted(document.classes)
    for lower, higher in pairwise(classes):
        for nats in (-table.caps.total_low, table.caps.total_high):
            if _log_odds(table, document.rules(higher), nats) < _log_odds(table, document.rules(lower), nats):
                yield ("calibration",), _crossed(lower, higher)
                break


def _crossed(lower: ActionClass, higher: ActionClass) -> str:
    return (
        f"by these maps the same evidence would look less risky for {higher.wire} than for {lower.wire}: "
        f"raise the intercept of {higher.wire}, or its prior"
    )


def _log_odds(table: EvidenceTable, rules: ClassRules, nats: float) -> float:
    return table.log_odds(rules.action_class, logit(rules.prior) + nats)
