"""Our own access tokens (RFC 9068): signed, bound to one audience and to a key, five minutes at most."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from broker.consumers import jose
from broker.consumers.jose import PublicKey, Rules, TokenRefused
from broker.domain.check import Delegation

TYP = "at+jwt"
LIFETIME_MAX_S = 300
CHAIN_MAX = 4
"""Agents behind one another; a longer chain is more than anybody could answer for."""
_ALGORITHM = "ES256"
_ID_BYTES = 16
_REGISTRY = jws.JWSRegistry(algorithms=[_ALGORITHM])


class Grant(msgspec.Struct, frozen=True):
    """What a token stands for.

    ``audience`` is one resource; ``thumbprint`` the key that it is bound to, ``certificate`` the ``x5t#S256`` of the
    certificate that it is bound to.
    ``expires_s`` is in seconds since the epoch. ``subject`` is the user where one is behind it, else the client.
    """

    tenant: str
    client_id: str
    consumer: str
    agent: str | None
    scopes: frozenset[str]
    audience: str
    expires_s: int
    thumbprint: str | None = None
    certificate: str | None = None
    delegation: Delegation | None = None
    jti: str = ""

    @property
    def subject(self) -> str:
        """The claim ``sub``."""
        return self.delegation.user if self.delegation else self.client_id


class TokenMint:
    """Makes and reads access tokens with one key, which signs nothing else."""

    def __init__(self, key: ECKey, kid: str, issuer: str, random_bytes: Callable[[int], bytes]) -> None:
        self._key = key
        self._header = {"alg": _ALGORITHM, "kid": kid, "typ": TYP}
        self._issuer = issuer
        self._random_bytes = random_bytes
        self._keys: Sequence[PublicKey] = (PublicKey(kid, key, (_ALGORITHM,)),)

    def sign(self, grant: Grant, now: datetime) -> str:
        """A new token for a grant."""
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": grant.subject,
            "aud": grant.audience,
            "client_id": grant.client_id,
            "iat": int(now.timestamp()),
            "exp": grant.expires_s,
            "jti": jose.b64url(self._random_bytes(_ID_BYTES)),
            "scope": " ".join(sorted(grant.scopes)),
            "tenant": grant.tenant,
            "consumer": grant.consumer,
        }
        if grant.agent is not None:
            claims["agent"] = grant.agent
        if grant.delegation is not None:
            claims["act"] = _acting(grant.delegation.chain)
        bound = {"jkt": grant.thumbprint, "x5t#S256": grant.certificate}
        if confirmed := {name: value for name, value in bound.items() if value is not None}:
            claims["cnf"] = confirmed
        return jws.serialize_compact(self._header, msgspec.json.encode(claims), self._key, registry=_REGISTRY)

    def read(self, token: str, audiences: frozenset[str], now: datetime) -> Grant:
        """The grant of a token of ours that is meant for one of those audiences.

        Raises:
            TokenRefused: it is not.
        """
        required = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "tenant", "consumer")
        # RFC 9068 4: both spellings of the type stand for the same.
        types: frozenset[str | None] = frozenset({TYP, f"application/{TYP}"})
        rules = Rules(types, audiences, self._issuer, required, LIFETIME_MAX_S)
        return _grant(jose.read(token, self._keys, rules, now))


def _grant(claims: Mapping[str, Any]) -> Grant:
    try:
        confirmed = claims.get("cnf") or {}
        chain = _chain(claims.get("act"))
        return msgspec.convert(
            {
                "tenant": claims["tenant"],
                "client_id": claims["client_id"],
                "consumer": claims["consumer"],
                "agent": claims.get("agent"),
                "scopes": str(claims.get("scope", "")).split(),
                "audience": claims["aud"],
                "expires_s": claims["exp"],
                "thumbprint": confirmed.get("jkt"),
                "certificate": confirmed.get("x5t#S256"),
                "delegation": {"user": claims["sub"], "chain": chain} if chain else None,
                "jti": claims["jti"],
            },
            Grant,
        )
    except (msgspec.ValidationError, AttributeError) as error:
        raise TokenRefused("its claims are not those of a token of ours") from error


def _acting(chain: Sequence[str]) -> dict[str, Any]:
    """Agents as nested ``act`` claims, the one that acts now outermost (RFC 8693 4.1)."""
    innermost: dict[str, Any] = {"sub": chain[-1]}
    for agent in reversed(chain[:-1]):
        innermost = {"sub": agent, "act": innermost}
    return innermost


def _chain(act: object) -> tuple[str, ...]:
    chain: list[str] = []
    while isinstance(act, dict) and len(chain) < CHAIN_MAX:
        chain.append(str(act.get("sub")))
        act = act.get("act")
    return tuple(chain)
