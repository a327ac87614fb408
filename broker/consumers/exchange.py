"""Who gets a token for what: never more scopes, another audience or a longer life than what it is got with."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from broker.consumers import jose
from broker.consumers.access_tokens import CHAIN_MAX, Grant
from broker.consumers.jose import Rules, TokenRefused
from broker.consumers.resources import Resources
from broker.domain.check import Delegation
from broker.storage.consumer_store import ClientRow, TrustedIssuer, UsedId

ID_JAG = "oauth-id-jag+jwt"
_ASSERTION_S = 300
_USER_TOKEN_S = 3600


class Refused(Exception):
    """Nothing is given; ``error`` is OAuth's code, the text says what to do and is safe to show."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error = error


class Held(msgspec.Struct, frozen=True):
    """What a client has just proven to hold, and its tokens are bound to: thumbprints of a key and a certificate."""

    thumbprint: str | None = None
    certificate: str | None = None


class Narrowing(msgspec.Struct, frozen=True):
    """What was asked for: scopes in words (``None``: all that there are), and one audience (``None``: the usual)."""

    scope: str | None
    audience: str | None


class User(msgspec.Struct, frozen=True):
    """Somebody, as their identity provider names them; ``scopes`` is what it allows, ``None`` where it does not say."""

    issuer: str
    subject: str
    expires_s: int
    scopes: frozenset[str] | None = None
    jti: str = ""

    def __repr__(self) -> str:
        return "User(…)"


def audience(form: Mapping[str, str], resources: Resources) -> str | None:
    """The resource that a request names (RFC 8707), or the audience (RFC 8693 2.1); both must be the same one."""
    named = {form[name] for name in ("resource", "audience") if form.get(name)}
    if not named:
        return None
    found = {resources.rest if name == f"{resources.rest}/" else name for name in named}
    if len(found) != 1 or not found <= resources.all:
        raise Refused("invalid_target", f"name one resource: {' or '.join(sorted(resources.all))}")
    return found.pop()


def for_client(client: ClientRow, narrowing: Narrowing, expires_s: int, default: str) -> Grant:
    """A token for the client itself; ``default`` is its audience where none is asked for."""
    return Grant(
        tenant=client.tenant,
        client_id=client.client_id,
        consumer=client.consumer,
        agent=client.agent,
        scopes=_narrowed(narrowing.scope, frozenset(client.scopes)),
        audience=narrowing.audience or default,
        expires_s=expires_s,
    )


def of_ours(subject: Grant | None, client: ClientRow, narrowing: Narrowing, held: Held, expires_s: int) -> Grant:
    """A token with which the client acts for whom a token of ours was given to."""
    if subject is None or subject.tenant != client.tenant:
        raise TokenRefused("it is unknown, expired or revoked")
    # Defensive: else a stolen token could be turned into one that needs no proof, or proof of another key.
    if subject.thumbprint not in {None, held.thumbprint} or subject.certificate not in {None, held.certificate}:
        raise TokenRefused("it is bound to another key")
    if narrowing.audience not in {None, subject.audience}:
        raise Refused("invalid_target", "a token for one resource cannot become one for another")
    chain = subject.delegation.chain if subject.delegation else ()
    granted = for_client(client, narrowing, min(expires_s, subject.expires_s), subject.audience)
    scopes = _narrowed(narrowing.scope, frozenset(client.scopes), subject.scopes)
    return msgspec.structs.replace(granted, scopes=scopes, delegation=_delegation(subject.subject, client, chain))


def for_user(user: User, client: ClientRow, narrowing: Narrowing, most: Grant, pseudonym: str) -> Grant:
    """A token with which the client acts for a user; ``most`` is what it would get for itself."""
    limits = [most.scopes] if user.scopes is None else [most.scopes, user.scopes]
    return msgspec.structs.replace(
        most,
        scopes=_narrowed(narrowing.scope, *limits),
        expires_s=min(most.expires_s, user.expires_s),
        delegation=_delegation(pseudonym, client, ()),
    )


def user_of(token: str, client: ClientRow, issuers: Sequence[TrustedIssuer], now: datetime) -> User:
    """Whom an ID token is about. It must have been given to this very client (OpenID Connect Core 2, ``aud``)."""
    rules = Rules(frozenset({"JWT", None}), frozenset({client.client_id}), "", lifetime_max_s=_USER_TOKEN_S)
    return _user(_from_trusted(token, issuers, now, rules))


def vouched(assertion: str, client: ClientRow, issuers: Sequence[TrustedIssuer], us: str, now: datetime) -> User:
    """Whom an ID-JAG is about. It must be meant for us and for this client."""
    required = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
    rules = Rules(frozenset({ID_JAG}), frozenset({us}), "", required, _ASSERTION_S)
    claims = _from_trusted(assertion, issuers, now, rules)
    if claims["client_id"] != client.client_id:
        raise TokenRefused("it is for another client")
    return _user(claims)


def single_use(tenant: str, issuer: str, jti: str, expires_s: float) -> UsedId:
    """The name under which an assertion is used up."""
    digest = hashlib.sha256(f"{len(issuer)}:{issuer}{jti}".encode()).digest()
    return UsedId(tenant, "assertion", digest, int((expires_s + jose.SKEW_S) * 1000))


def _from_trusted(token: str, issuers: Sequence[TrustedIssuer], now: datetime, rules: Rules) -> dict[str, Any]:
    claimed = jose.members(jose.parts(token).payload).get("iss")
    for issuer in issuers:
        if issuer.issuer == claimed:
            named = msgspec.structs.replace(rules, issuer=issuer.issuer)
            return jose.read(token, jose.key_set(issuer.jwks), named, now)
    raise TokenRefused("this tenant does not trust its issuer")


def _user(claims: Mapping[str, Any]) -> User:
    scope = claims.get("scope")
    return User(
        issuer=claims["iss"],
        subject=claims["sub"],
        expires_s=int(claims["exp"]),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else None,
        jti=str(claims.get("jti", "")),
    )


def _narrowed(asked: str | None, *limits: frozenset[str]) -> frozenset[str]:
    most = frozenset.intersection(*limits)
    found = most if asked is None else frozenset(asked.split())
    if not found <= most or not found:
        raise Refused("invalid_scope", "ask for scopes that client, user and token all have")
    return found


def _delegation(user: str, client: ClientRow, chain: Sequence[str]) -> Delegation:
    if len(chain) >= CHAIN_MAX:
        raise Refused("invalid_request", f"at most {CHAIN_MAX} agents may act one for another")
    return Delegation(user, (client.agent or client.client_id, *chain))
