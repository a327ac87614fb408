"""Reading a signed token from outside. The one place where joserfc verifies for consumers, and the rules around it.

The library checks a signature and nothing else (auth-flows.md section 5.4), so all else is here: algorithms are pinned
to the key and never taken from the token, ``typ`` is required, keys come from the set that was handed in and from
nowhere else, members that occur twice are refused, and so is every header that would bring a key or a rule along.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from broker import strict_json

TOKEN_BYTES_MAX = 8192
SKEW_S = 30
_HEADER_BYTES_MAX = 2048
_RSA_BITS_MIN = 2048
_KID_LENGTH_MAX = 256
_KEYS_MAX = 10
_NUMBER_MAX = 2**53
# RFC 7515 4.1: each of these names or brings a key, or a rule for reading the rest; none is ours to follow.
_FORBIDDEN = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "cty", "url"})
_OTHER_RULES = frozenset({"crit", "b64"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "Ed25519"}
ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "Ed25519")
_REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS)


class TokenRefused(Exception):
    """The token must not be believed. The text says why and holds nothing of the token: safe to show."""


class Parts(NamedTuple):
    """A compact token taken apart; ``signed`` is what its signature is about."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes


class PublicKey(msgspec.Struct, frozen=True):
    """A key that verifies, and the algorithms that it may verify."""

    kid: str | None
    key: Key
    algorithms: tuple[str, ...]


class Rules(msgspec.Struct, frozen=True):
    """What a token must be; ``None`` among its types stands for one that names none.

    ``lifetime_max_s`` counts from ``iat``, or from now where there is none.
    """

    types: frozenset[str | None]
    audiences: frozenset[str]
    issuer: str
    required: tuple[str, ...] = ("iss", "sub", "aud", "exp")
    lifetime_max_s: int = 300


def public_key(jwk: object) -> PublicKey:
    """A public key from a JWK, with the algorithms that its kind allows.

    Raises:
        ValueError: not a public key of a kind and strength that we take; the text says what to do.
    """
    if not isinstance(jwk, dict) or not all(isinstance(name, str) for name in jwk):
        raise ValueError("a key is a JSON object (RFC 7517)")
    if _PRIVATE & jwk.keys():
        raise ValueError("a private or secret key is never sent: send its public half")
    kid = jwk.get("kid")
    if not (kid is None or (isinstance(kid, str) and 0 < len(kid) <= _KID_LENGTH_MAX)):
        raise ValueError(f"a kid is a text of 1 to {_KID_LENGTH_MAX} characters")
    try:
        key, algorithms = _import(jwk)
    except (JoseError, ValueError, TypeError, KeyError, binascii.Error) as error:
        raise ValueError("send an EC key on P-256 or P-384, an Ed25519 key, or an RSA key of 2048 bits") from error
    named = jwk.get("alg")
    if named is not None and named not in algorithms:
        raise ValueError(f"a key of this kind signs with {' or '.join(algorithms)}")
    return PublicKey(kid, key, (named,) if named else algorithms)


def key_set(text: str) -> tuple[PublicKey, ...]:
    """The keys of a JWK set in JSON.

    Raises:
        ValueError: not a set of 1 to 10 public keys with names that differ.
    """
    try:
        found = strict_json.loads(text.encode("utf-8"))
    except strict_json.NotStrict as error:
        raise ValueError("not JSON") from error
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _KEYS_MAX:
        raise ValueError('send {"keys": [...]} with 1 to 10 keys')
    read = tuple(public_key(jwk) for jwk in keys)
    if len(read) > 1 and (None in (names := [one.kid for one in read]) or len(set(names)) != len(names)):
        raise ValueError("of several keys each needs a kid of its own")
    return read


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def sha256(text: str) -> str:
    """The SHA-256 of an ASCII text as JOSE writes it, such as ``ath`` (RFC 9449 4.2)."""
    return b64url(hashlib.sha256(text.encode("ascii", "replace")).digest())


def read(token: str, keys: Sequence[PublicKey], rules: Rules, now: datetime) -> dict[str, Any]:
    """The claims of a token that is all that it has to be.

    Raises:
        TokenRefused: it is not.
    """
    told = parts(token)
    if _FORBIDDEN & told.header.keys():
        raise TokenRefused("its header brings a key or a rule of its own")
    if told.header.get("typ") not in rules.types:
        raise TokenRefused("it is of another type")
    verify(told, _named(keys, told.header))
    claims = members(told.payload)
    _require_claims(claims, rules, now)
    return claims


def parts(token: str) -> Parts:
    """What a compact token is made of, nothing of it believed yet."""
    if len(token) > TOKEN_BYTES_MAX or not token.isascii():
        raise TokenRefused("it is too long, or not text")
    pieces = token.split(".")
    if len(pieces) != 3 or not all(pieces):  # noqa: PLR2004 - header, payload, signature
        raise TokenRefused("it has not the three parts of a signed token")
    header, payload, signature = (_decoded(piece) for piece in pieces)
    if len(header) > _HEADER_BYTES_MAX:
        raise TokenRefused("its header is too long")
    told = _object(header, "its header is not JSON that everybody reads alike")
    return Parts(told, payload, f"{pieces[0]}.{pieces[1]}".encode("ascii"), signature)


def members(payload: bytes) -> dict[str, Any]:
    """The claims in a payload."""
    return _object(payload, "its claims are not JSON that everybody reads alike")


def verify(token: Parts, key: PublicKey) -> None:
    """Refuse a token that this key did not sign with an algorithm of its own.

    The library's algorithms are asked directly: its way through the whole token would read all of it a second time.
    """
    algorithm = token.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in key.algorithms:
        raise TokenRefused("it is signed with an algorithm that its key does not have")
    # Defensive: whoever reads the parts looks at the header, but these would change what was signed (RFC 7797).
    if _OTHER_RULES & token.header.keys():
        raise TokenRefused("its header brings a key or a rule of its own")
    scheme = _REGISTRY.get_alg(algorithm)
    try:
        scheme.check_key(key.key)
        holds = scheme.verify(token.signed, token.signature, key.key)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused("its signature does not hold") from error
    if not holds:
        raise TokenRefused("its signature does not hold")


def seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), ``None`` where there is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _NUMBER_MAX:
        raise TokenRefused(f"its {name} is no instant")
    return float(value)


def _import(jwk: dict[str, Any]) -> tuple[Key, tuple[str, ...]]:
    kind = jwk.get("kty")
    if kind == "EC":
        return ECKey.import_key(jwk), (_CURVES[jwk["crv"]],)
    if kind == "OKP":
        return OKPKey.import_key(jwk), (_CURVES[jwk["crv"]],)
    key = RSAKey.import_key(jwk) if kind == "RSA" else None
    if key is None or key.public_key.key_size < _RSA_BITS_MIN:
        raise ValueError("not a key that we take")
    return key, ("PS256", "RS256")


def _named(keys: Sequence[PublicKey], header: Mapping[str, Any]) -> PublicKey:
    """The key that the header names among those we have: a name is compared and never followed anywhere."""
    kid = header.get("kid")
    if kid is None and len(keys) == 1:
        return keys[0]
    for one in keys:
        if isinstance(kid, str) and one.kid == kid:
            return one
    raise TokenRefused("no key of its name is known")


def _require_claims(claims: Mapping[str, Any], rules: Rules, now: datetime) -> None:
    if missing := [name for name in rules.required if claims.get(name) in (None, "")]:
        raise TokenRefused(f"it lacks {', '.join(missing)}")
    if any(not isinstance(claims.get(name, ""), str) for name in ("iss", "sub", "jti")):
        raise TokenRefused("iss, sub and jti are texts")
    if claims["iss"] != rules.issuer:
        raise TokenRefused("it is from another issuer")
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    # Defensive: one that is meant for several can be replayed by any of them.
    if not isinstance(audience, str) or audience not in rules.audiences:
        raise TokenRefused("it is meant for another audience")
    _require_time(claims, rules.lifetime_max_s, now.timestamp())


def _require_time(claims: Mapping[str, Any], lifetime_max_s: int, now_s: float) -> None:
    expires = seconds(claims, "exp")
    issued = seconds(claims, "iat")
    if expires is None or expires <= now_s:
        raise TokenRefused("it has expired")
    if (seconds(claims, "nbf") or 0) > now_s + SKEW_S:
        raise TokenRefused("it is not valid yet")
    if issued is not None and issued > now_s + SKEW_S:
        raise TokenRefused("it was issued in the future")
    begun = now_s if issued is None else issued
    if expires - begun > lifetime_max_s + (SKEW_S if issued is None else 0):
        raise TokenRefused(f"it lives longer than {lifetime_max_s} s")


def _decoded(piece: str) -> bytes:
    try:
        data = base64.b64decode(piece + "=" * (-len(piece) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenRefused("a part of it is not base64url") from error
    # Defensive: unused bits in the last character would give one token several spellings.
    if b64url(data) != piece:
        raise TokenRefused("a part of it is not base64url")
    return data


def _object(data: bytes, otherwise: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(data)
    except strict_json.NotStrict as error:
        raise TokenRefused(otherwise) from error
    if not isinstance(value, dict):
        raise TokenRefused(otherwise)
    return value
