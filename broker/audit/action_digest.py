"""What binds a receipt to one action: a salted digest that whoever executes the action can compute again.

Published vectors: ``openapi/action-digests.json``.
"""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

from broker.audit.jcs import canonical
from broker.domain.check import Action

SALT_BYTES = 16


def form(action: Action) -> dict[str, Any]:
    """The action as it is digested: the request's ``action`` member, where the amount has no trailing zeros.

    ``950.00`` and ``950`` are one amount. What the request left out is left out here; so is an empty ``attributes``.
    """
    told: dict[str, Any] = {"type": action.type}
    if action.amount is not None:
        told["amount"] = {"value": _plain(action.amount.value), "currency": action.amount.currency}
    if action.resource is not None:
        told["resource"] = action.resource
    if action.attributes:
        told["attributes"] = dict(action.attributes)
    return told


def action_digest(action: Action, salt: bytes) -> bytes:
    """HMAC-SHA-256 of the action's canonical JSON under the salt of one check, 32 bytes.

    The salt stands in the receipt and not in the log: who has the receipt can compare, who has only the log cannot
    guess, although most actions could be tried in minutes.

    Raises:
        NotCanonical: an attribute is a fraction or an integer beyond 2^53 - 1.
    """
    return hmac.digest(salt, canonical(form(action)), hashlib.sha256)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
