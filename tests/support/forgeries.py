"""The JWT confusion matrix: tokens made with the right key that are each wrong in one way (threat T19)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, RSAKey

from tests.support.oauth import b64, now_s, raw


class Honest(NamedTuple):
    """What an honest token would be made of."""

    key: ECKey
    header: dict[str, Any]
    claims: dict[str, Any]


Forgery = Callable[[Honest], str]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def header(**changed: Any) -> Forgery:
    """A header that differs, signed as it should be; ``None`` leaves a member out."""

    def forge(honest: Honest) -> str:
        return raw(_json(_without({**honest.header, **changed})), _json(honest.claims), honest.key)

    return forge


def claims(**changed: Any) -> Forgery:
    """Claims that differ; ``None`` leaves one out."""

    def forge(honest: Honest) -> str:
        return raw(_json(honest.header), _json(_without({**honest.claims, **changed})), honest.key)

    return forge


def _without(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def unsigned(algorithm: str) -> Forgery:
    def forge(honest: Honest) -> str:
        return raw(_json({**honest.header, "alg": algorithm}), _json(honest.claims), None)

    return forge


def by_public_key(honest: Honest) -> str:
    """HS256 with the public key's text as the secret: the verifier that lets the token choose is fooled."""
    pem = honest.key.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signing_input = f"{b64(_json({**honest.header, 'alg': 'HS256'}))}.{b64(_json(honest.claims))}".encode()
    return f"{signing_input.decode()}.{b64(hmac.digest(pem, signing_input, hashlib.sha256))}"


def by_another_key(**changed: Any) -> Forgery:
    def forge(honest: Honest) -> str:
        thief = ECKey.generate_key("P-256")
        named = {name: thief.as_dict(private=False) if value == "thief" else value for name, value in changed.items()}
        return raw(_json({**honest.header, **named}), _json(honest.claims), thief)

    return forge


def by_rsa(honest: Honest) -> str:
    thief = RSAKey.generate_key(2048)
    return raw(_json({**honest.header, "alg": "RS256"}), _json(honest.claims), thief, "RS256")


def twice(member: str, *, in_header: bool = False) -> Forgery:
    def forge(honest: Honest) -> str:
        head, body = _json(honest.header), _json(honest.claims)
        value = json.dumps((honest.header if in_header else honest.claims)[member])
        doubled = f'{{"{member}": {value}, '.encode() + (head if in_header else body)[1:]
        return raw(doubled if in_header else head, body if in_header else doubled, honest.key)

    return forge


def tampered(honest: Honest) -> str:
    head, _, signature = raw(_json(honest.header), _json(honest.claims), honest.key).split(".")
    return f"{head}.{b64(_json({**honest.claims, 'scope': 'tenant:admin'}))}.{signature}"


def respelled(honest: Honest) -> str:
    """The same bytes of the signature in another spelling: unused bits of the last character set."""
    token = raw(_json(honest.header), _json(honest.claims), honest.key)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    other = token[:-1] + alphabet[last ^ 1]
    assert base64.urlsafe_b64decode(other.split(".")[2] + "==") == base64.urlsafe_b64decode(token.split(".")[2] + "==")
    return other


def nested(honest: Honest) -> str:
    return raw(
        _json({**honest.header, "cty": "JWT"}), raw(_json(honest.header), b"{}", honest.key).encode(), honest.key
    )


def whole(change: Callable[[str], str]) -> Forgery:
    return lambda honest: change(raw(_json(honest.header), _json(honest.claims), honest.key))


FORGERIES: dict[str, Forgery] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg empty": unsigned(""),
    "alg left out": header(alg=None),
    "alg a list": header(alg=["ES256"]),
    "alg of another curve": header(alg="ES384"),
    "HS256 with the public key": by_public_key,
    "RS256 of a thief": by_rsa,
    "another key": by_another_key(),
    "another key, brought along": by_another_key(jwk="thief"),
    "another key, by address": by_another_key(jku="https://thief.example/jwks.json"),
    "the right key, brought along": header(jwk={"kty": "EC"}),
    "the right key, by address": header(jku="https://acme.example/jwks.json"),
    "x5u": header(x5u="https://thief.example/cert.pem"),
    "x5c": header(x5c=["MIIB"]),
    "crit": header(crit=["exp"], exp=1),
    "b64 false": header(b64=False, crit=["b64"]),
    "zip": header(zip="DEF"),
    "typ left out": header(typ=None),
    "typ of a receipt": header(typ="trust-receipt+jwt"),
    "typ of a proof": header(typ="dpop+jwt"),
    "typ a number": header(typ=7),
    "kid of nobody": header(kid="nobody"),
    "kid a path": header(kid="../../../../dev/null"),
    "kid an injection": header(kid="' OR 1=1 --"),
    "kid an address": header(kid="https://thief.example/key"),
    "kid a number": header(kid=0),
    "kid empty": header(kid=""),
    "alg twice": twice("alg", in_header=True),
    "aud twice": twice("aud"),
    "sub twice": twice("sub"),
    "another issuer": claims(iss="https://thief.example"),
    "no issuer": claims(iss=None),
    "another audience": claims(aud="https://elsewhere.example"),
    "no audience": claims(aud=None),
    "several audiences": lambda honest: claims(aud=[honest.claims["aud"], "https://elsewhere.example"])(honest),
    "an audience that begins alike": lambda honest: claims(aud=honest.claims["aud"] + ".thief.example")(honest),
    "an audience in an object": lambda honest: claims(aud={"aud": honest.claims["aud"]})(honest),
    "no subject": claims(sub=None),
    "a subject that is a list": claims(sub=["x"]),
    "expired": claims(iat=now_s() - 200, exp=now_s() - 1),
    "no expiry": claims(exp=None),
    "an expiry in words": claims(exp="2099-01-01"),
    "an expiry that is true": claims(exp=True),
    "an expiry beyond all bounds": claims(exp=1e300),
    "a long life": claims(exp=now_s() + 86_400),
    "a long life without a beginning": claims(iat=None, exp=now_s() + 86_400),
    "not valid yet": claims(nbf=now_s() + 3600),
    "issued in the future": claims(iat=now_s() + 3600, exp=now_s() + 3700),
    "no id": claims(jti=None),
    "an id that is a number": claims(jti=7),
    "tampered with": tampered,
    "another spelling": respelled,
    "a token in a token": nested,
    "no signature": whole(lambda token: token.rpartition(".")[0] + "."),
    "two parts": whole(lambda token: token.rpartition(".")[0]),
    "four parts": whole(lambda token: token + ".AAAA"),
    "padding": whole(lambda token: token + "=="),
    "a line feed at the end": whole(lambda token: token + "\n"),
    "oversized": claims(filler="x" * 10_000),
    "a header that is oversized": header(filler="x" * 4_000),
    "a header that is no object": lambda honest: raw(b"[]", _json(honest.claims), honest.key),
    "claims that are no object": lambda honest: raw(_json(honest.header), b"[]", honest.key),
    "claims that are no JSON": lambda honest: raw(_json(honest.header), b"{'a': 1}", honest.key),
    "claims nested too deep": lambda honest: raw(
        _json(honest.header), b'{"a":' * 5000 + b"1" + b"}" * 5000, honest.key
    ),
    "NaN": lambda honest: raw(_json(honest.header), b'{"exp": NaN}', honest.key),
}
