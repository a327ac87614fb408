"""The policy book: all documents of a deployment, proven against their own worked examples."""

from collections.abc import Iterable, Mapping

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Decision
from broker.errors import Fault, InvalidRequest, Misconfigured
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.score import assess
from broker.policy.sketch import INSTANT, Example

_UNKNOWN_ACTION = (
    "No policy of this broker names this action type. Known types are the keys under `actions` in its policy files; "
    "a new one needs a policy first, for an action without a policy is never allowed."
)


class PolicyBook:
    """Finds the document and the class for an action.

    Args:
        documents: at least one; no two may share an id or name the same action type.
        table: what the worked examples are weighed with.

    Raises:
        Misconfigured: no documents, a clash, or an example that does not come out as written.
    """

    def __init__(self, documents: Iterable[PolicyDocument], table: EvidenceTable) -> None:
        self._documents: dict[str, PolicyDocument] = {}
        self._by_action: dict[str, PolicyDocument] = {}
        for document in documents:
            self._add(document)
            for example in document.examples:
                _prove(document, example, table)
        if not self._documents:
            raise Misconfigured("no policy documents: without one nothing can be allowed; see config/policies")

    @property
    def documents(self) -> Mapping[str, PolicyDocument]:
        """The documents by id."""
        return dict(self._documents)

    def resolve(self, action: Action) -> tuple[PolicyDocument, ActionClass]:
        """The document that governs an action and the class that it gives it.

        Raises:
            InvalidRequest: no document names the action's type; points at ``/action/type``.
        """
        document = self._by_action.get(action.type)
        if document is None:
            raise InvalidRequest("Unknown action type.", [Fault("/action/type", _UNKNOWN_ACTION)])
        return document, document.actions[action.type].classify(action)

    def _add(self, document: PolicyDocument) -> None:
        if document.id in self._documents:
            raise Misconfigured(
                f"{document.file}, key id: {document.id!r} is already that of {self._file(document.id)}"
            )
        for name in document.actions:
            other = self._by_action.setdefault(name, document)
            if other is not document:
                raise Misconfigured(f"{document.file}, key actions.{name}: already governed by {other.file}")
        self._documents[document.id] = document

    def _file(self, policy_id: str) -> str:
        return self._documents[policy_id].file


def _prove(document: PolicyDocument, example: Example, table: EvidenceTable) -> None:
    where = f"{document.file}, example {example.name!r}"
    rules = document.actions.get(example.action.type)
    if rules is None:
        raise Misconfigured(f"{where}: the document has no action {example.action.type!r}")
    action_class = rules.classify(example.action)
    if action_class is not example.action_class:
        raise Misconfigured(f"{where}: the class is {action_class.wire}, not {example.action_class.wire}")
    decision = _decided(document, action_class, example, table)
    if decision.outcome is not example.outcome:
        reasons = ", ".join(reason.code for reason in decision.reasons) or "none"
        raise Misconfigured(
            f"{where}: decides {decision.outcome.wire}, not {example.outcome.wire} (reasons: {reasons})"
        )


def _decided(document: PolicyDocument, action_class: ActionClass, example: Example, table: EvidenceTable) -> Decision:
    rules = document.rules(action_class)
    return decide(assess(table, rules, example.evidence, INSTANT), example.evidence, rules, document)
