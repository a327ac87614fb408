"""Log leaves: what the transparency log says about one check. Ids, codes, a keyed commitment; nothing personal.

Hashing is RFC 6962 section 2.1: a leaf is hashed with a 0x00 prefix, so that no leaf can pass as an inner node.
"""

import base64
import hashlib
from datetime import datetime

import msgspec

_LEAF_PREFIX = b"\x00"


class LeafBody(msgspec.Struct, frozen=True):
    """The record of one check in the log. Encoded as JSON with members in this order; ``v`` names the layout.

    ``commitment`` is a keyed digest of the stored payload: with the key one can prove what was recorded, without it the
    digest says nothing. An abandoned check has no more than its first three members and ``at``. A check that settled
    again has a leaf for each ``revision``, with its ``cause`` and the challenge, review or event that it came ``by``.
    """

    check: str
    tenant: str
    status: str
    consumer: str | None
    agent: str | None
    action_type: str | None
    action_digest: str | None
    action_class: str | None
    policy: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    gates: tuple[str, ...]
    commitment: str | None
    at: datetime
    v: int = 1
    revision: int | msgspec.UnsetType = msgspec.UNSET
    cause: str | msgspec.UnsetType = msgspec.UNSET
    by: str | msgspec.UnsetType = msgspec.UNSET
    sandbox: bool | msgspec.UnsetType = msgspec.UNSET
    """There, and true, where nobody real was asked."""


class EventBody(msgspec.Struct, frozen=True):
    """The record of a change of what governs checks: who did what to which policy, stop or table.

    ``event`` is a code such as ``policy.publish``; ``digest`` the SHA-256 of the text that it is about.
    """

    event_id: str
    tenant: str
    event: str
    about: str
    digest: str | None
    by: str
    at: datetime
    v: int = 1


def encode_event(body: EventBody) -> bytes:
    """The canonical bytes of a leaf, as :func:`encode`."""
    return msgspec.json.encode(body)


def encode(body: LeafBody) -> bytes:
    """The canonical bytes of a leaf: one layout, one order, no spaces."""
    return msgspec.json.encode(body)


def leaf_hash(encoded: bytes) -> bytes:
    """SHA-256(0x00 || leaf), 32 bytes (RFC 6962 section 2.1)."""
    return hashlib.sha256(_LEAF_PREFIX + encoded).digest()


def from_b64url(text: str) -> bytes:
    """The bytes of what :func:`b64url` wrote."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64url(data: bytes) -> str:
    """Base64url without padding, as JOSE writes binary values (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
