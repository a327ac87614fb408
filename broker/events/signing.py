"""Standard Webhooks: three headers, and signatures by HMAC-SHA-256 (``v1``) and Ed25519 (``v1a``).

Signed is ``id.timestamp.body``. A header may hold several signatures, and a receiver is content with one: so every
message carries both kinds, and while a secret changes over those of the old one as well.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_BYTES = 32


class WebhookKeys(msgspec.Struct, frozen=True):
    """What one generation of a webhook signs with: a shared secret and the seed of a key pair, 32 bytes each."""

    secret: bytes
    seed: bytes

    @property
    def shared(self) -> str:
        """The secret as its receiver has it."""
        return "whsec_" + _b64(self.secret)

    @property
    def public(self) -> str:
        """The public key as its receiver has it."""
        raw = _private(self.seed).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return "whpk_" + _b64(raw)

    def __repr__(self) -> str:
        return "WebhookKeys(…)"


def headers(keys: Sequence[WebhookKeys], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt.

    Raises:
        ValueError: the id holds a dot, and could be read as another id with another timestamp.
    """
    if "." in message_id:
        raise ValueError("the id of a message holds no dot")
    signed = f"{message_id}.{timestamp_s}.".encode("ascii") + body
    signatures = [signature for one in keys for signature in (_v1(one, signed), _v1a(one, signed))]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def _v1(keys: WebhookKeys, signed: bytes) -> str:
    return "v1," + _b64(hmac.digest(keys.secret, signed, hashlib.sha256))


def _v1a(keys: WebhookKeys, signed: bytes) -> str:
    return "v1a," + _b64(_private(keys.seed).sign(signed))


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
