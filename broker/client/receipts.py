"""Verify receipts offline, next to the place where the action happens. Needs the extra ``receipts`` (joserfc).

::

    verifier = ReceiptVerifier(broker.keys, audience="acme", issuer="https://broker.example")
    verifier.verify(token, action=Action("payment.transfer", ("950.00", "EUR"), "iban:1"))  # raises, or go on

Not known offline: whether the receipt was used before or revoked. ``TrustBroker.consume_receipt`` asks the broker.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from broker.client import _members
from broker.client._action import Action
from broker.client._claims import TOKEN_LENGTH_MAX, Receipt, receipt_of
from broker.client._errors import AnswerMalformed, ClientError, ReceiptInvalid

__all__ = ["Action", "Keeping", "Receipt", "ReceiptVerifier", "verify"]

TYP, SANDBOX_TYP, ALGORITHM = "trust-receipt+jwt", "trust-receipt-sandbox+jwt", "ES256"
LIFETIME_MAX = timedelta(seconds=300)
SKEW = timedelta(seconds=30)
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


def verify(  # noqa: PLR0913 - each is a way in which a receipt may not fit
    token: str,
    jwks: Mapping[str, Any],
    *,
    action: Action | None,
    now: datetime,
    audience: str | None = None,
    issuer: str | None = None,
    decision: str = "allow",
    sandbox: bool = False,
) -> Receipt:
    """Check a receipt against public keys alone, without asking anybody.

    Signature, type, algorithm, lifetime, what was decided, and that it was given for this very ``action``, which
    whoever executes derives from what it is about to do and never from the receipt. ``None`` leaves that out.
    ``sandbox`` is for tests against a tenant of the sandbox: its receipts hold then, and no others; else none of its.

    Raises:
        ReceiptInvalid: it must not be relied on, with the reason.
    """
    receipt = _signed(token, jwks, SANDBOX_TYP if sandbox else TYP)
    if receipt.expires_at - receipt.issued_at > LIFETIME_MAX:
        raise ReceiptInvalid("lives longer than a receipt may")
    if receipt.issued_at > now + SKEW:
        raise ReceiptInvalid("was issued in the future")
    if receipt.expires_at <= now:
        raise ReceiptInvalid("has expired")
    if audience is not None and receipt.aud != audience:
        raise ReceiptInvalid("is meant for another audience")
    if issuer is not None and receipt.iss != issuer:
        raise ReceiptInvalid("comes from another issuer")
    if receipt.decision != decision:
        raise ReceiptInvalid(f"holds the decision {receipt.decision} and not {decision}")
    if action is not None and not receipt.covers(action):
        raise ReceiptInvalid("was given for another action")
    return receipt


class Keeping(NamedTuple):
    """How long fetched keys are kept, in seconds.

    They are fetched again after ``keep_s``, and when a receipt names a key that is not there, yet never more often than
    every ``again_s``: strangers' receipts must not make a flood. While the broker cannot be reached, those that are
    there serve for ``stale_s``.
    """

    keep_s: float = 300.0
    again_s: float = 10.0
    stale_s: float = 3600.0


class ReceiptVerifier:
    """:func:`verify` with the keys of one broker, fetched when needed and kept.

    ``keys`` gives the JWK set, e.g. ``TrustBroker.keys``; ``sandbox`` as in :func:`verify`.
    """

    def __init__(
        self,
        keys: Callable[[], Mapping[str, Any]],
        *,
        audience: str,
        issuer: str,
        keeping: Keeping | None = None,
        sandbox: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = keys
        self._audience, self._issuer = audience, issuer
        self._keeping, self._sandbox = keeping or Keeping(), sandbox
        self._now, self._monotonic_s = now, monotonic_s
        self._lock = threading.Lock()
        self._kept: Mapping[str, Any] = {"keys": []}
        self._fetched_s = self._tried_s = -math.inf

    def verify(self, token: str, *, action: Action | None, decision: str = "allow") -> Receipt:
        """Check one receipt; ``action`` is what is about to be done.

        Raises:
            ReceiptInvalid: it must not be relied on.
            ClientError: the keys could not be fetched, and none are kept.
        """
        jwks = self._keys_for(_kid(token))
        return verify(
            token,
            jwks,
            action=action,
            now=self._now(),
            audience=self._audience,
            issuer=self._issuer,
            decision=decision,
            sandbox=self._sandbox,
        )

    def _keys_for(self, kid: str) -> Mapping[str, Any]:
        with self._lock:
            now_s = self._monotonic_s()
            known = any(isinstance(key, dict) and key.get("kid") == kid for key in self._kept["keys"])
            fresh = now_s - self._fetched_s <= self._keeping.keep_s
            if not (known and fresh) and now_s - self._tried_s > self._keeping.again_s:
                self._tried_s = now_s
                self._renew(usable=known and now_s - self._fetched_s <= self._keeping.stale_s)
            elif not fresh and now_s - self._fetched_s > self._keeping.stale_s:
                raise ReceiptInvalid("cannot be checked: the broker's keys could not be fetched")
            return self._kept

    def _renew(self, *, usable: bool) -> None:
        try:
            fetched = self._fetch()
        except ClientError:
            if not usable:
                raise
            return
        if not isinstance(fetched.get("keys"), list):
            raise ReceiptInvalid("cannot be checked: the broker's keys have no form that is known")
        self._kept, self._fetched_s = fetched, self._tried_s


def _signed(token: str, jwks: Mapping[str, Any], wanted: str) -> Receipt:
    # Defensive: the size comes first, so that a huge token costs nothing.
    if len(token) > TOKEN_LENGTH_MAX:
        raise ReceiptInvalid("is larger than any receipt")
    try:
        keys = KeySet.import_key_set({"keys": list(jwks["keys"])})
        signed = jws.deserialize_compact(token, keys, registry=_REGISTRY)
        # Defensive: the library verifies the signature and ignores "typ"; any token of the broker would pass.
        typ = signed.headers().get("typ")
        if typ not in {TYP, SANDBOX_TYP}:
            raise ReceiptInvalid("is not a receipt")
        if typ != wanted:
            raise ReceiptInvalid("is of the sandbox: nobody real was asked" if typ == SANDBOX_TYP else "is a real one")
        return receipt_of(_members.decoded(signed.payload or b""))
    except (JoseError, AnswerMalformed, KeyError, TypeError, ValueError) as error:
        raise ReceiptInvalid("is not a receipt signed by one of these keys") from error


def _kid(token: str) -> str:
    """The key that a token names; nothing is believed of it yet."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise ReceiptInvalid("is larger than any receipt")
    try:
        return str(jws.extract_compact(token.encode()).headers().get("kid", ""))
    except (JoseError, ValueError) as error:
        raise ReceiptInvalid("is not a receipt") from error
