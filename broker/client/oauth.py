"""An agent's own credential: a key of its own instead of a shared secret. Needs the extra ``oauth`` (joserfc).

Client credentials with ``private_key_jwt`` (RFC 7523), and tokens that are bound to a key made at start (DPoP, RFC
9449): a token that leaks is of no use to whoever finds it.

::

    key = PrivateKeyJwt("cli_01…", Path("agent.pem").read_bytes(), issuer="https://broker.example")
    with TrustBroker("https://broker.example", key) as broker: ...
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey

from broker.client import _members
from broker.client._action import b64url
from broker.client._errors import AnswerMalformed, BrokerRefused, BrokerUnreachable
from broker.client._exchange import Ask, Reply, Work

__all__ = ["PrivateKeyJwt"]

ALGORITHM = "ES256"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME_S = 60
_EARLY_S = 30
_ATTEMPTS = 3
_OK, _UNAUTHORIZED = 200, 401
_TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)


class PrivateKeyJwt:
    """Gets tokens when they are needed and proves possession with every request. Threads may share it."""

    def __init__(
        self,
        client_id: str,
        key_pem: bytes,
        *,
        issuer: str,
        scopes: Sequence[str] = (),
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """``key_pem`` is a private key on P-256 whose public half the broker knows; ``issuer`` its public address."""
        self._client_id = client_id
        self._key = ECKey.import_key(key_pem)
        self._bound = ECKey.generate_key("P-256")
        self._issuer = issuer.rstrip("/")
        self._scopes = " ".join(scopes)
        self._now_s = now_s
        self._nonce: str | None = None
        self._token: tuple[str, float] | None = None

    def headers(self, ask: Ask) -> Work[Mapping[str, str]]:
        """The token, and a proof for this one sending of the request."""
        kept = self._token
        if kept is None or kept[1] <= self._now_s():
            kept = yield from self._fetch(ask.timeout_s)
            self._token = kept
        return {"authorization": f"DPoP {kept[0]}", "dpop": self._proof(ask.method, ask.path, kept[0])}

    def renews(self, reply: Reply) -> bool:
        """A nonce that is wanted is used from now on; otherwise the token is over and another one is fetched."""
        if not self._heeds(reply):
            self._token = None
        return True

    def _fetch(self, timeout_s: float) -> Work[tuple[str, float]]:
        """Ask the token endpoint; every attempt has an assertion and a proof of its own, for each is good once."""
        for attempt in range(_ATTEMPTS):
            headers = {"content-type": "application/x-www-form-urlencoded", "dpop": self._proof("POST", _TOKEN_PATH)}
            told = yield Ask("POST", _TOKEN_PATH, headers, self._form(), timeout_s, again=True)
            if isinstance(told, Reply):
                if told.status == _OK:
                    return self._read(told)
                if not self._heeds(told):
                    raise _refusal(told)
            elif attempt == _ATTEMPTS - 1:
                break
        raise BrokerUnreachable("the token endpoint gave no token")

    def _heeds(self, reply: Reply) -> bool:
        """Whether it asks for a nonce that was not used yet."""
        nonce = reply.headers.get("dpop-nonce")
        if nonce is None or nonce == self._nonce:
            return False
        self._nonce = nonce
        return True

    def _read(self, reply: Reply) -> tuple[str, float]:
        members = _members.decoded(reply.body)
        if _members.text(members, "token_type").lower() != "dpop":
            # Defensive: a token that is bound to nothing is good for whoever finds it.
            raise AnswerMalformed("the token is not bound to our key")
        lifetime_s = max(0, _members.whole(members, "expires_in") - _EARLY_S)
        return _members.text(members, "access_token"), self._now_s() + lifetime_s

    def _form(self) -> bytes:
        now = int(self._now_s())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._issuer,
            "iat": now,
            "exp": now + _ASSERTION_LIFETIME_S,
            "jti": uuid.uuid4().hex,
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": _signed({"typ": "JWT", "kid": self._key.thumbprint()}, claims, self._key),
        }
        return urlencode(form | ({"scope": self._scopes} if self._scopes else {})).encode()

    def _proof(self, method: str, path: str, token: str | None = None) -> str:
        claims: dict[str, Any] = {
            "htm": method,
            "htu": self._issuer + urlsplit(path).path,  # without the query, RFC 9449 section 4.2
            "iat": int(self._now_s()),
            "jti": uuid.uuid4().hex,
        }
        if token is not None:
            claims["ath"] = b64url(hashlib.sha256(token.encode()).digest())
        if self._nonce is not None:
            claims["nonce"] = self._nonce
        return _signed({"typ": "dpop+jwt", "jwk": self._bound.as_dict(private=False)}, claims, self._bound)


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: ECKey) -> str:
    return jws.serialize_compact({"alg": ALGORITHM, **header}, json.dumps(claims), key, registry=_REGISTRY)


def _refusal(reply: Reply) -> BrokerRefused | BrokerUnreachable:
    """An error of OAuth (RFC 6749 section 5.2) or a problem document, as the same exception."""
    try:
        members = _members.decoded(reply.body)
        code = _members.text_if_any(members, "error") or _members.text(members, "code")
        detail = members.get("error_description") or members.get("detail") or "no token"
    except AnswerMalformed:
        return BrokerUnreachable(f"status {reply.status} from the token endpoint; is this a trust broker?")
    return BrokerRefused(reply.status, code, str(detail))
