"""The authorization code ceremony: the person's own device goes to the operator, and comes back with a code.

The broker cannot take this step itself: the network recognises the SIM that carries the request. So a ceremony has two
halves with a person in between, and whoever runs it keeps the transaction and shows it to nobody.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Protocol, runtime_checkable
from urllib.parse import urlencode

import msgspec

from broker.adapter_kit.adapter import CeremonyProof, OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import ClientProfile, TokenWanted
from broker.adapter_kit.oauth_answers import OAUTH_ERRORS
from broker.adapter_kit.token_endpoint import purpose_of, scope_of
from broker.domain.signal import SignalName, Unavailability
from broker.errors import Misconfigured

TTL_S = 600
_CODE = re.compile(r"[\x20-\x7e]{1,2048}")
_BESIDE = ("scope", "response_type", "client_id", "redirect_uri")


class Transaction(msgspec.Struct, frozen=True):
    """What must be kept until the person comes back, sealed: with it, whoever has the code can use it."""

    operator: str
    state: str
    verifier: str
    redirect_uri: str
    scope: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Transaction({self.operator})"


class Started(msgspec.Struct, frozen=True):
    """Where to send the person's browser, on the phone and over the mobile network, and what to keep meanwhile."""

    url: str
    transaction: Transaction

    def __repr__(self) -> str:  # the URL carries the state
        return f"Started({self.transaction.operator})"


@runtime_checkable
class HoldsCeremonies(Protocol):
    """An adapter that can begin and end the ceremony. In between, and afterwards, the operator is asked as always."""

    def takes_operator_token(self, signal: SignalName) -> bool:
        """Whether a TS.43 token of the device proves this signal here as well."""
        ...

    def start_ceremony(self, signal: SignalName, purpose: str) -> Started:
        """Where to send the person's browser; raises :class:`OperatorFault` where this signal has no ceremony."""
        ...

    def finish_ceremony(self, callback: Mapping[str, str], transaction: Transaction) -> CeremonyProof:
        """What came back, for :attr:`SignalQuery.proof` of one question; raises :class:`OperatorFault`."""
        ...


def start(profile: ClientProfile, wanted: TokenWanted, now: datetime, random: Random) -> Started:
    """Begin a ceremony, with PKCE (RFC 7636) and ``state``, signed where the operator wants that (RFC 9101).

    ``prompt=none``: the network recognises the SIM, and nothing is to be shown that could be misread as our question.

    Raises:
        Misconfigured: the deployment names no ``redirect_uri``.
        OperatorFault: *not_permitted*, the purpose is not one word.
    """
    if profile.redirect_uri is None:
        raise Misconfigured(f"operator {profile.operator}: needs redirect_uri; name the one registered there")
    scope = scope_of(profile, wanted)
    state, verifier = _secret(random), _secret(random)
    asked = {
        "response_type": "code",
        "client_id": profile.client_id,
        "redirect_uri": profile.redirect_uri,
        "scope": scope,
        "state": state,
        "nonce": _secret(random),
        "prompt": "none",
        "code_challenge": _challenge(verifier),
        "code_challenge_method": "S256",
        **purpose_of(profile, wanted),
    }
    expires_at = now + timedelta(seconds=TTL_S)
    transaction = Transaction(profile.operator, state, verifier, profile.redirect_uri, scope, expires_at)
    return Started(f"{profile.authorize_url}?{urlencode(_signed(profile, asked))}", transaction)


def finish(
    profile: ClientProfile, callback: Mapping[str, str], transaction: Transaction, now: datetime
) -> CeremonyProof:
    """What the person's device brought back, once it is known to be the answer to this ceremony.

    Raises:
        OperatorFault: *malformed*, it answers another ceremony or another operator speaks; *not_applicable*, it came
            too late; else what the operator said, as a reason.
    """
    if not _same(callback.get("state"), transaction.state) or not _same(transaction.operator, profile.operator):
        raise OperatorFault(Unavailability.MALFORMED, KitCode.CALLBACK_FORGED)
    # Defensive: with many operators, one of them could send the code of another to us (RFC 9207, mix-up).
    speaks = "iss" in callback or profile.habits.answers_with_issuer
    if speaks and not _same(callback.get("iss"), profile.issuer):
        raise OperatorFault(Unavailability.MALFORMED, KitCode.CALLBACK_FORGED)
    if now >= transaction.expires_at:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.CEREMONY_OVER)
    if "error" in callback:
        known = callback["error"] in OAUTH_ERRORS
        reason = OAUTH_ERRORS[callback["error"]] if known else Unavailability.OPERATOR_ERROR
        raise OperatorFault(reason, callback["error"] if known else KitCode.HTTP_CLIENT_ERROR)
    code = callback.get("code", "")
    if _CODE.fullmatch(code) is None:
        raise OperatorFault(Unavailability.MALFORMED, KitCode.CALLBACK_FORGED)
    return CeremonyProof(code, transaction.verifier, transaction.redirect_uri, transaction.scope)


def _signed(profile: ClientProfile, asked: dict[str, str]) -> dict[str, str]:
    if not profile.signs_requests or profile.signer is None:
        return asked
    beside = {name: asked[name] for name in _BESIDE}
    return {**beside, "request": profile.signer.request_object(profile.client_id, asked, profile.authorize_url)}


def _secret(random: Random) -> str:
    """256 random bits as 43 characters, which is the least that RFC 7636 takes as a verifier."""
    return base64.urlsafe_b64encode(random.randbytes(32)).rstrip(b"=").decode("ascii")


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _same(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())
