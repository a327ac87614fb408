"""Receipts: a signed, short-lived proof of one decision about one action.

A receipt is a compact JWS (RFC 7515) with ES256 and ``typ: trust-receipt+jwt``, so that no other token of ours can
pass as one; those of the sandbox have a type of their own, which no verifier takes who was not told to. Its claims bind
it to tenant, agent, audience, subject pseudonym, action digest, decision, policy version and log leaf. Anybody with the
public keys can verify it offline; whether it was used before only the broker knows.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from broker.audit.action_digest import action_digest
from broker.audit.leaf import b64url, from_b64url
from broker.audit.signing_key import ALGORITHM, SigningKey
from broker.domain.check import Action
from broker.domain.tenancy import is_sandbox

TYP = "trust-receipt+jwt"
SANDBOX_TYP = "trust-receipt-sandbox+jwt"
LIFETIME_MAX_S = 300
SKEW_S = 30
_TOKEN_BYTES_MAX = 4096
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


class Receipt(msgspec.Struct, frozen=True):
    """The claims. ``iat`` and ``exp`` are seconds since the epoch; ``leaf`` is the base64url hash of the log leaf.

    ``action_digest`` and ``action_salt`` are base64url; see :mod:`broker.audit.action_digest`.
    """

    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    exp: int
    tenant: str
    consumer: str
    agent: str | None
    check: str
    action: str
    action_digest: str
    action_salt: str
    decision: str
    policy: str
    policy_version: int
    leaf: str


class ReceiptInvalid(Exception):
    """The receipt must not be relied on; the text says why."""


class ReceiptExpired(ReceiptInvalid):
    """It was good, and its time is over."""


def claims(token: str) -> Receipt:
    """What a receipt of our own record says, unverified: for one that comes from elsewhere use :func:`verify`."""
    return msgspec.json.decode(from_b64url(token.split(".")[1]), type=Receipt)


def kid(token: str) -> str:
    """The name of the key that a receipt of our own says that it is signed with."""
    return str(msgspec.json.decode(from_b64url(token.split(".", maxsplit=1)[0]))["kid"])


def covers(receipt: Receipt, action: Action) -> bool:
    """Whether this is the action that the receipt was given for. Whoever executes it asks before doing so."""
    digest = action_digest(action, from_b64url(receipt.action_salt))
    return hmac.compare_digest(b64url(digest), receipt.action_digest)


class ReceiptSigner:
    """Signs receipts with the key that signs at that moment."""

    def __init__(self, key: Callable[[], SigningKey], *, issuer: str, ttl_s: int) -> None:
        if not 0 < ttl_s <= LIFETIME_MAX_S:
            raise ValueError(f"a receipt lives at most {LIFETIME_MAX_S} s")
        self._key = key
        self._ttl = timedelta(seconds=ttl_s)
        self.issuer = issuer

    def valid_until(self, now: datetime) -> datetime:
        """When a receipt signed now stops being valid; whole seconds, as a JWT counts."""
        return (now + self._ttl).replace(microsecond=0)

    def sign(self, receipt: Receipt) -> str:
        """The compact JWS."""
        key = self._key()
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": SANDBOX_TYP if is_sandbox(receipt.tenant) else TYP}
        return jws.serialize_compact(header, msgspec.json.encode(receipt), key.jwk, registry=_REGISTRY)


def verify(
    token: str,
    jwks: Mapping[str, Any],
    *,
    now: datetime,
    audience: str | None = None,
    issuer: str | None = None,
    sandbox: bool = False,
) -> Receipt:
    """Check a receipt against public keys alone, without asking anybody.

    Signature, type, algorithm, lifetime and, where given, audience and issuer. Not checked: whether the receipt was
    used or revoked, what was decided, and whether the action about to be done is the one it was given for
    (:func:`covers`). ``sandbox``: it must be of the sandbox; else it must not.

    Raises:
        ReceiptInvalid: it does not hold, with the reason.
    """
    receipt = _read(token, jwks, SANDBOX_TYP if sandbox else TYP)
    at = now.timestamp()
    if receipt.exp - receipt.iat > LIFETIME_MAX_S:
        raise ReceiptInvalid("lives longer than a receipt may")
    if receipt.iat > at + SKEW_S:
        raise ReceiptInvalid("was issued in the future")
    if receipt.exp <= at:
        raise ReceiptExpired("has expired")
    if audience is not None and receipt.aud != audience:
        raise ReceiptInvalid("is meant for another audience")
    if issuer is not None and receipt.iss != issuer:
        raise ReceiptInvalid("comes from another issuer")
    return receipt


def _read(token: str, jwks: Mapping[str, Any], wanted: str) -> Receipt:
    # Defensive: the size comes first, so that a huge token costs nothing.
    if len(token) > _TOKEN_BYTES_MAX:
        raise ReceiptInvalid("is larger than any receipt")
    try:
        signed = jws.deserialize_compact(token, KeySet.import_key_set({"keys": list(jwks["keys"])}), registry=_REGISTRY)
        # Defensive: the library verifies the signature and ignores "typ"; without this any token of ours would pass.
        typ = signed.headers().get("typ")
        if typ not in {TYP, SANDBOX_TYP}:
            raise ReceiptInvalid("is not a receipt")
        if typ != wanted:
            raise ReceiptInvalid("is of the sandbox: nobody real was asked" if typ == SANDBOX_TYP else "is a real one")
        return msgspec.json.decode(signed.payload or b"", type=Receipt)
    except (JoseError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise ReceiptInvalid("is not a receipt signed by one of these keys") from error


def leaf_claim(leaf_hash: bytes) -> str:
    """A leaf hash as it stands in a receipt."""
    return b64url(leaf_hash)
