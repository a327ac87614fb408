"""Signed assertions of clients: RFC 7523 with the limits of the CAMARA security profile (ICM 0.5.0).

Why not Authlib's grants: its assertions may live for an hour, its replay memory, audience, scope source, client method
names, lifetimes and the status of ``invalid_client`` would each be overridden, its code refuses PS256, and it is
synchronous, while keys here are fetched on demand. What would be left of it is less than this module.
"""

from collections import OrderedDict
from datetime import datetime
from typing import Any

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError

from adapters.mock.operator.authorization.keys import ClientKeys, JwksUnavailable

ALGORITHMS = ("ES256", "RS256", "PS256")
LIFETIME_MAX_S = 300
ASSERTION_BYTES_MAX = 8 * 1024
JTI_LENGTH_MAX = 256
JTIS_MAX = 100_000
CLIENT_ASSERTION_TYPES = frozenset({"jwt", "client-authentication+jwt"})
GRANT_ASSERTION_TYPES = frozenset({"jwt"})


class BadAssertion(Exception):
    """The assertion is refused; the message says which rule, never what was sent."""


class ReplayGuard:
    """Each assertion once: the ids seen, until they have expired anyway."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def first_use(self, client_id: str, jti: str, expires_at: datetime, now: datetime) -> bool:
        """Whether this id is new; from now on it is not. Full of live ids, it refuses rather than forgets."""
        self._forget_expired(now)
        if (client_id, jti) in self._seen or len(self._seen) >= JTIS_MAX:
            return False
        self._seen[client_id, jti] = expires_at
        return True

    def _forget_expired(self, now: datetime) -> None:
        # Lifetimes are at most 300 s and arrival order is nearly expiry order: whatever is hidden behind a later one
        # waits no longer than that.
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] > now:
                break
            del self._seen[oldest]


class AssertionRules(msgspec.Struct, frozen=True):
    """What every assertion is held against: the instant, the audiences that mean this server, and what was seen."""

    now: datetime
    audiences: frozenset[str]
    replay: ReplayGuard


def unverified_claims(assertion: str) -> dict[str, Any]:
    """The claims as they stand, for choosing whose keys to try; nothing in them may be believed yet.

    Raises:
        BadAssertion: this is no compact JWS with a JSON object in it.
    """
    if len(assertion) > ASSERTION_BYTES_MAX:
        raise BadAssertion("the assertion is too long")
    try:
        claims = msgspec.json.decode(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError) as error:
        raise BadAssertion("the assertion is not a signed JWT") from error
    if not isinstance(claims, dict):
        raise BadAssertion("the claims are not an object")
    return claims


async def verify(
    assertion: str, client_id: str, keys: ClientKeys | None, types: frozenset[str], rules: AssertionRules
) -> dict[str, Any]:
    """The claims of an assertion that ``client_id`` signed for this server, just now, and never sent before.

    Raises:
        BadAssertion: it did not.
    """
    token = await _verify_signature(assertion, keys, types)
    claims = token.claims
    _check_times(claims, rules.now)
    if claims.get("iss") != client_id:
        raise BadAssertion("iss is not the client")
    _check_audience(claims.get("aud"), rules.audiences)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_LENGTH_MAX:
        raise BadAssertion("jti is missing or not usable")
    expires_at = datetime.fromtimestamp(claims["exp"], rules.now.tzinfo)
    if not rules.replay.first_use(client_id, jti, expires_at, rules.now):
        raise BadAssertion("this jti was used before")
    return claims


async def _verify_signature(assertion: str, keys: ClientKeys | None, types: frozenset[str]) -> jwt.Token:
    if keys is None:
        raise BadAssertion("no keys are registered for this client")
    try:
        header = jws.extract_compact(assertion.encode()).headers()
        if header.get("alg") not in ALGORITHMS:
            raise BadAssertion("alg is not accepted")
        # The profile does not demand a typ (RFC 7519 leaves it optional), but a token of another kind is never taken.
        if str(header.get("typ", "JWT")).lower() not in types:
            raise BadAssertion("typ is not accepted")
        kid = header.get("kid")
        key = await keys.find(kid if isinstance(kid, str) else None)
        if key is None:
            raise BadAssertion("no registered key has this kid")
        return jwt.decode(assertion, key, algorithms=[header["alg"]])
    except JwksUnavailable as error:
        raise BadAssertion(str(error)) from error
    except (JoseError, ValueError) as error:
        raise BadAssertion(f"the signature does not hold: {type(error).__name__}") from error


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    present = now.timestamp()
    if issued > present:
        raise BadAssertion("iat is in the future")
    if expires <= present:
        raise BadAssertion("the assertion has expired")
    if expires - present > LIFETIME_MAX_S or expires - issued > LIFETIME_MAX_S:
        raise BadAssertion(f"exp is more than {LIFETIME_MAX_S} s ahead")
    if "nbf" in claims and _instant(claims, "nbf") > present:
        raise BadAssertion("nbf is in the future")


def _instant(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    # The upper bound keeps absurd numbers away from datetime, which would raise on them.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:  # noqa: PLR2004
        raise BadAssertion(f"{name} is missing or not a number")
    return float(value)


def _check_audience(audience: object, accepted: frozenset[str]) -> None:
    named = [audience] if isinstance(audience, str) else audience
    # Defensive: an audience list would let another server in the list replay the assertion here.
    if not isinstance(named, list) or len(named) != 1 or named[0] not in accepted:
        raise BadAssertion("aud is not this server")
