"""The policy book: all documents in force for one tenant."""

from collections.abc import Iterable, Mapping

from broker.domain.check import Action
from broker.domain.decision import ActionClass
from broker.errors import Fault, InvalidRequest, Misconfigured
from broker.policy.document import PolicyDocument

_UNKNOWN_ACTION = (
    "No policy of this broker names this action type. Known types are the keys under `actions` in its policy files; "
    "a new one needs a policy first, for an action without a policy is never allowed."
)


class PolicyBook:
    """Finds the document and the class for an action.

    Args:
        documents: at least one, each proven; no two may share an id or name the same action type.

    Raises:
        Misconfigured: no documents, or a clash.
    """

    def __init__(self, documents: Iterable[PolicyDocument]) -> None:
        self._documents: dict[str, PolicyDocument] = {}
        self._by_action: dict[str, PolicyDocument] = {}
        for document in documents:
            self._add(document)
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
