"""Access tokens (opaque, kept here) and operator tokens (the proof of a SIM that a device fetches through TS.43)."""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from adapters.mock.operator.authorization.possession import Binding

TOKENS_MAX = 50_000
HANDLES_MAX = 50_000
OPERATOR_TOKEN_TYPE = "operator-token+jwt"  # noqa: S105 - a media type
SIM_BASED = frozenset({"sim"})
"""The authentication methods that number verification accepts: the SIM answered, nobody typed anything."""

_SANDBOX_TOKEN = re.compile(r"ot-([1-9][0-9]{4,14})", re.ASCII)


class AccessToken(msgspec.Struct, frozen=True):
    """What a token stands for. ``phone_number`` is there for three-legged ones; ``amr`` is how that was proven.

    ``binding`` says what whoever shows it must hold.
    """

    client_id: str
    purpose: str
    scopes: frozenset[str]
    expires_at: datetime
    phone_number: str | None = None
    amr: frozenset[str] = frozenset()
    single_use: bool = False
    binding: Binding = Binding()

    def __repr__(self) -> str:  # the number stays out of logs
        return f"AccessToken({self.client_id}, {sorted(self.scopes)})"


class AccessTokens:
    """The tokens in use, by their hash, so that neither a dump of memory nor the time of a look-up gives one away."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[bytes, AccessToken] = OrderedDict()

    def issue(self, token: AccessToken) -> str:
        """Keep a token and give it a name of 256 random bits; beyond :data:`TOKENS_MAX` the oldest is forgotten."""
        value = secrets.token_urlsafe(32)
        self._tokens[_digest(value)] = token
        if len(self._tokens) > TOKENS_MAX:
            self._tokens.popitem(last=False)
        return value

    def find(self, value: str, now: datetime) -> AccessToken | None:
        """The token of this name, unless it has expired."""
        token = self._tokens.get(_digest(value))
        return token if token is not None and token.expires_at > now else None

    def consume(self, value: str) -> None:
        """Forget a token: it was for one use."""
        self._tokens.pop(_digest(value), None)

    def clear(self) -> None:
        """Forget every token."""
        self._tokens.clear()


class IdTokens:
    """ID tokens (OpenID Connect Core 2): pairwise subject, nothing personal, five minutes."""

    def __init__(self, key: ECKey, issuer: str) -> None:
        self._key = key
        self._issuer = issuer
        self._pepper = secrets.token_bytes(32)

    def issue(self, client_id: str, phone_number: str, now: datetime, **claims: Any) -> str:
        """For one client about one subscriber; claims that are ``None`` are left out."""
        pair = f"{client_id} {phone_number}".encode()
        issued = int(now.timestamp())
        content = {
            "iss": self._issuer,
            "sub": hmac.new(self._pepper, pair, hashlib.sha256).hexdigest()[:32],
            "aud": client_id,
            "iat": issued,
            "exp": issued + 300,
            **{name: value for name, value in claims.items() if value is not None},
        }
        return jwt.encode({"alg": "ES256", "typ": "JWT", "kid": self._key.kid}, content, self._key)


class OperatorTokens:
    """Operator tokens: signed, with a stable pseudonym inside, so that the number does not travel with them."""

    def __init__(self, key: ECKey, issuer: str, lifetime_s: int) -> None:
        self._key = key
        self._issuer = issuer
        self._lifetime_s = lifetime_s
        self._pepper = secrets.token_bytes(32)
        self._numbers: OrderedDict[str, str] = OrderedDict()

    def mint(self, phone_number: str, now: datetime) -> tuple[str, datetime]:
        """A token for the SIM of this number, and when it expires."""
        handle = hmac.new(self._pepper, phone_number.encode(), hashlib.sha256).hexdigest()[:32]
        self._numbers[handle] = phone_number
        if len(self._numbers) > HANDLES_MAX:
            self._numbers.popitem(last=False)
        expires_at = now + timedelta(seconds=self._lifetime_s)
        header = {"alg": "ES256", "typ": OPERATOR_TOKEN_TYPE, "kid": self._key.kid}
        claims = {"iss": self._issuer, "sub": handle, "exp": int(expires_at.timestamp())}
        return jwt.encode(header, claims, self._key), expires_at

    def resolve(self, token: str, now: datetime) -> str | None:
        """The number whose SIM the token stands for; ``ot-<digits>`` is the sandbox's own short form."""
        sandbox = _SANDBOX_TOKEN.fullmatch(token)
        if sandbox:
            return f"+{sandbox[1]}"
        try:
            decoded = jwt.decode(token, self._key, algorithms=["ES256"])
        except (JoseError, ValueError):
            return None
        return self._numbers.get(decoded.claims["sub"]) if self._holds(decoded, now) else None

    def _holds(self, decoded: jwt.Token, now: datetime) -> bool:
        claims: dict[str, Any] = decoded.claims
        return (
            decoded.header.get("typ") == OPERATOR_TOKEN_TYPE
            and claims.get("iss") == self._issuer
            and claims["exp"] > now.timestamp()
        )


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
