"""The action of a question, and the digest by which a receipt names it. Published vectors: openapi/action-digests.json.

Written apart from the broker's own: whoever verifies must not need the broker to be installed, and two programs that
agree on the vectors prove more than one that is used twice.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

SAFE_INTEGER_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Action:
    """What is about to be done, in the words of a question's ``action`` member. Its ``repr`` names the type alone."""

    type: str
    amount: tuple[str, str] | None = field(default=None, repr=False)
    resource: str | None = field(default=None, repr=False)
    attributes: Mapping[str, str | bool | int] = field(default_factory=dict, repr=False)

    def members(self) -> dict[str, Any]:
        """The ``action`` member of a question, as it goes over the wire."""
        told: dict[str, Any] = {"type": self.type}
        if self.amount is not None:
            told["amount"] = dict(zip(("value", "currency"), self.amount, strict=True))
        if self.resource is not None:
            told["resource"] = self.resource
        if self.attributes:
            told["attributes"] = dict(self.attributes)
        return told

    def digest(self, salt: bytes) -> bytes:
        """HMAC-SHA-256 of the canonical form under the salt of one receipt.

        Raises:
            ValueError: an amount is no decimal, or a value has no canonical form.
        """
        told = self.members()
        if self.amount is not None:
            told["amount"]["value"] = _plain(self.amount[0])
        return hmac.digest(salt, canonical(told), hashlib.sha256)


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of texts, booleans, safe integers, null, lists, and dicts with text keys.

    Raises:
        ValueError: a fraction, an integer beyond 2^53 - 1, half of a surrogate pair, or what JSON has not.
    """
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def b64url(data: bytes) -> str:
    """base64url without padding, as JOSE writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    """The bytes behind base64url.

    Raises:
        ValueError: it is none.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _ordered(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and abs(value) <= SAFE_INTEGER_MAX:
        return value
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        # Members are sorted by their UTF-16 code units (RFC 8785 section 3.2.3).
        return {name: _ordered(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    if isinstance(value, list | tuple):
        return [_ordered(each) for each in value]
    raise ValueError(f"no canonical form for {type(value).__name__}: send decimals and larger numbers as texts")


def _plain(value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ValueError("an amount is a decimal in a text") from error
    if not number.is_finite():
        raise ValueError("an amount is finite")
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
