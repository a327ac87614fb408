"""Signed assertions towards operators (RFC 7523), and the only place of the kit that knows the JOSE library."""

import json
from collections.abc import Mapping
from random import Random
from typing import Literal

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.clock import Clock
from broker.errors import Misconfigured

SigningAlgorithm = Literal["ES256", "ES384", "RS256", "PS256", "Ed25519"]
SigningKey = ECKey | RSAKey | OKPKey

_KEY_KINDS: dict[str, tuple[type[SigningKey], str | None]] = {
    "ES256": (ECKey, "P-256"),
    "ES384": (ECKey, "P-384"),
    "RS256": (RSAKey, None),
    "PS256": (RSAKey, None),
    "Ed25519": (OKPKey, "Ed25519"),
}


class AssertionStyle(msgspec.Struct, frozen=True):
    """How one operator wants assertions: algorithm, audience, lifetime in seconds.

    ``audience`` is its issuer, or ``None`` where each assertion names the endpoint that it is sent to (ICM profile).
    """

    algorithm: SigningAlgorithm
    audience: str | None
    lifetime_s: int


def import_signing_key(text: str, algorithm: SigningAlgorithm, where: str) -> SigningKey:
    """A private key from PEM or JWK text, of the kind that the algorithm needs. ``where`` names it in errors.

    Raises:
        Misconfigured: not a key, a public one, or one for another algorithm; the text itself is never shown.
    """
    kind, curve = _KEY_KINDS[algorithm]
    try:
        key = kind.import_key(json.loads(text) if text.lstrip().startswith("{") else text)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Misconfigured(
            f"{where}: not a PEM or JWK key for {algorithm}; generate one for that algorithm"
        ) from error
    if not key.is_private:
        raise Misconfigured(f"{where}: a public key cannot sign; give the private one")
    if curve is not None and key.curve_name != curve:  # type: ignore[union-attr]
        raise Misconfigured(f"{where}: {algorithm} needs a key on {curve}; generate one there")
    return key


def generate_signing_key(algorithm: SigningAlgorithm) -> SigningKey:
    """A new private key of the kind that the algorithm needs."""
    kind, curve = _KEY_KINDS[algorithm]
    return RSAKey.generate_key(2048) if kind is RSAKey else kind.generate_key(curve)  # type: ignore[arg-type]


class AssertionSigner:
    """Makes short-lived assertions for one client at one operator. Every one has its own ``jti``."""

    def __init__(
        self, key: SigningKey, key_id: str | None, style: AssertionStyle, clock: Clock, random: Random
    ) -> None:
        self._key = key
        self._header = {"alg": style.algorithm, "typ": "JWT", "kid": key_id or key.thumbprint()}
        self._style = style
        self._clock = clock
        self._random = random

    def client_assertion(self, client_id: str, endpoint: str) -> str:
        """Proof of who we are, for ``private_key_jwt`` (OpenID Connect Core 9)."""
        return self._sign({"iss": client_id, "sub": client_id}, endpoint)

    def bearer_assertion(self, client_id: str, subject: str, scope: str, endpoint: str) -> str:
        """A grant for a subject, ``tel:`` or ``operatortoken:``. CAMARA wants the scope inside (ICM profile, 1.5)."""
        return self._sign({"iss": client_id, "sub": subject, "scope": scope}, endpoint)

    def application_statement(self, application_id: str, endpoint: str) -> str:
        """Which application asks, for operators that want a bearer token of our own making at their token endpoint."""
        return self._sign({"application_id": application_id}, endpoint)

    def request_object(self, client_id: str, parameters: Mapping[str, str], endpoint: str) -> str:
        """What is asked of an authorization server, signed (RFC 9101).

        Without ``sub``: whoever saw the request could send it again as a client assertion (ICM profile).
        """
        return self._sign({**parameters, "iss": client_id}, endpoint)

    def _sign(self, claims: Mapping[str, str], endpoint: str) -> str:
        issued_at = int(self._clock.now().timestamp())
        timed = {
            **claims,
            "aud": self._style.audience or endpoint,
            "iat": issued_at,
            "exp": issued_at + self._style.lifetime_s,
            "jti": f"{self._random.getrandbits(128):032x}",
        }
        return jwt.encode(self._header, timed, self._key, algorithms=[self._style.algorithm])


def possession_proof(key: SigningKey, claims: Mapping[str, object]) -> str:
    """A DPoP proof (RFC 9449 4.2): claims signed by an ES256 key that shows its public half in the header."""
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, dict(claims), key, algorithms=["ES256"])


def public_jwks(key: SigningKey, key_id: str | None = None) -> dict[str, object]:
    """The JWK set (RFC 7517) to give to an operator at onboarding: the public half of the key, under its ``kid``."""
    public = {**key.as_dict(private=False), "kid": key_id or key.thumbprint(), "use": "sig"}
    return {"keys": [public]}
