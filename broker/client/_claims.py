"""What a receipt says, read and not verified; :mod:`broker.client.receipts` verifies."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.client import _members
from broker.client._action import Action, b64url, from_b64url
from broker.client._errors import AnswerMalformed, ReceiptInvalid

TOKEN_LENGTH_MAX = 4096
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Receipt:
    """The claims that bind a receipt: to whom, about whom (``sub`` is a pseudonym), for what, and until when."""

    iss: str
    aud: str
    sub: str
    jti: str
    issued_at: datetime
    expires_at: datetime
    check_id: str
    action_type: str
    action_digest: str
    action_salt: str
    decision: str
    policy: str
    policy_version: int
    leaf: str

    def covers(self, action: Action) -> bool:
        """Whether this is the action that the receipt was given for. Whoever executes it asks before doing so."""
        try:
            digest = action.digest(from_b64url(self.action_salt))
        except ValueError:
            return False  # Defensive: what has no canonical form was never decided about.
        return hmac.compare_digest(b64url(digest), self.action_digest)


def unverified(token: str) -> Receipt:
    """The claims of a receipt that came from the broker itself, over a connection that is trusted.

    Raises:
        ReceiptInvalid: it does not have the form of a receipt.
    """
    parts = token.split(".")
    if len(token) > TOKEN_LENGTH_MAX or len(parts) != _PARTS:
        raise ReceiptInvalid("is not a receipt")
    try:
        return receipt_of(_members.decoded(from_b64url(parts[1])))
    except (ValueError, AnswerMalformed) as error:
        raise ReceiptInvalid("is not a receipt") from error


def receipt_of(members: Mapping[str, Any]) -> Receipt:
    """Decoded claims as a receipt.

    Raises:
        AnswerMalformed: a claim is missing.
        ValueError: an instant is out of range.
    """
    return Receipt(
        iss=_members.text(members, "iss"),
        aud=_members.text(members, "aud"),
        sub=_members.text(members, "sub"),
        jti=_members.text(members, "jti"),
        issued_at=_at(_members.whole(members, "iat")),
        expires_at=_at(_members.whole(members, "exp")),
        check_id=_members.text(members, "check"),
        action_type=_members.text(members, "action"),
        action_digest=_members.text(members, "action_digest"),
        action_salt=_members.text(members, "action_salt"),
        decision=_members.text(members, "decision"),
        policy=_members.text(members, "policy"),
        policy_version=_members.whole(members, "policy_version"),
        leaf=_members.text(members, "leaf"),
    )


def _at(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("an instant is out of range") from error
