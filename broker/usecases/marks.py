"""What is kept of an action: names, and keyed marks of the values that a caller chose."""

from broker.audit.action_digest import form
from broker.audit.jcs import canonical
from broker.audit.leaf import b64url
from broker.domain.check import Action
from broker.domain.record import RecordedAction
from broker.privacy.pseudonyms import Pseudonyms


def action_mark(action: Action, tenant: str, pseudonyms: Pseudonyms) -> bytes:
    """The tenant's name for an action, to know it again: equal for equal actions, and nothing without the key.

    Not the digest in a receipt, whose salt differs from check to check.
    """
    return pseudonyms.mark(tenant, canonical(["action", form(action)]))


def conversation_mark(conversation_id: str | None, tenant: str, pseudonyms: Pseudonyms) -> str | None:
    """The tenant's name for a conversation, in base64url: a caller may have put anything into its own."""
    if conversation_id is None:
        return None
    return b64url(pseudonyms.mark(tenant, canonical(["conversation", conversation_id])))


def idempotency_mark(key: str, tenant: str, pseudonyms: Pseudonyms) -> str:
    """The tenant's name for an idempotency key, in base64url."""
    return b64url(pseudonyms.mark(tenant, canonical(["idempotency", key])))


def recorded(action: Action, tenant: str, pseudonyms: Pseudonyms) -> RecordedAction:
    """The action as its check keeps it. A mark covers the place of a value too, or equal texts would look related."""

    def mark(*value: object) -> str:
        return b64url(pseudonyms.mark(tenant, canonical(value)))

    return RecordedAction(
        type=action.type,
        amount=action.amount,
        resource_mark=None if action.resource is None else mark("resource", action.resource),
        attribute_marks={
            name: mark("attributes", name, value)
            for name, value in action.attributes.items()
            if not isinstance(value, bool)
        },
        flags={name: value for name, value in action.attributes.items() if isinstance(value, bool)},
    )
