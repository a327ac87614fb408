"""Reading signed tokens: every row of the confusion matrix is refused, and the honest token is not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from broker.consumers import jose
from broker.consumers.jose import Rules, TokenRefused
from tests.support.forgeries import FORGERIES, Forgery, Honest
from tests.support.oauth import jwks, now_s, raw, signed

KEY = ECKey.generate_key("P-256")
KNOWN = jose.key_set(jwks(KEY))
US = "https://broker.example"
RULES = Rules(frozenset({"JWT"}), frozenset({US}), "https://acme.example", ("iss", "sub", "aud", "exp", "jti"))


def honest() -> Honest:
    made = {"iss": RULES.issuer, "sub": "till", "aud": US, "iat": now_s(), "exp": now_s() + 60, "jti": "1"}
    return Honest(KEY, {"alg": "ES256", "typ": "JWT", "kid": KEY.thumbprint()}, made)


def read(token: str) -> dict[str, object]:
    return jose.read(token, KNOWN, RULES, datetime.now(UTC))


def test_an_honest_token_is_believed() -> None:
    made = honest()
    assert read(signed(made.claims, KEY)) == made.claims
    assert read(signed({**made.claims, "aud": [US]}, KEY))["sub"] == "till"


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_no_forgery_is_believed(forge: Forgery) -> None:
    with pytest.raises(TokenRefused):
        read(forge(honest()))


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_whatever_is_no_token_is_refused_and_never_an_accident(text: str) -> None:
    with pytest.raises(TokenRefused):
        read(text)


@given(st.integers(0, 2**31), st.integers(0, 255))
def test_no_single_changed_character_goes_unnoticed(place: int, value: int) -> None:
    token = signed(honest().claims, KEY)
    at = place % len(token)
    changed = token[:at] + chr(value) + token[at + 1 :]
    if changed != token:
        with pytest.raises(TokenRefused):
            read(changed)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-384"), "ES384"),
        (RSAKey.generate_key(2048), "RS256"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
    ],
    ids=["ES384", "RS256", "Ed25519"],
)
def test_every_kind_of_key_that_is_named_can_be_used(key: ECKey | RSAKey | OKPKey, algorithm: str) -> None:
    head = f'{{"alg":"{algorithm}","typ":"JWT"}}'.encode()
    made = str(honest().claims).replace("'", '"').encode()
    token = raw(head, made, key, algorithm)
    assert jose.read(token, jose.key_set(jwks(key)), RULES, datetime.now(UTC))["sub"] == "till"


KEYS = {
    "no set": "[]",
    "no keys": '{"keys": []}',
    "no JSON": "{",
    "a private key": f'{{"keys": [{{"kty":"EC","crv":"P-256","x":"{"A" * 43}","y":"{"A" * 43}","d":"AA"}}]}}',
    "a secret": f'{{"keys": [{str(OctKey.generate_key(256).as_dict()).replace(chr(39), chr(34))}]}}',
    "a weak key": '{"keys": [{"kty":"RSA","e":"AQAB","n":"' + "u" * 171 + '"}]}',
    "another curve": jwks(ECKey.generate_key("secp256k1")),
    "an algorithm that is not the key's": jwks(KEY, alg="HS256"),
    "two of one name": jwks(KEY, KEY),
    "too many": jwks(*[ECKey.generate_key("P-256") for _ in range(11)]),
    "a point off the curve": f'{{"keys": [{{"kty":"EC","crv":"P-256","x":"{"A" * 43}","y":"{"A" * 43}"}}]}}',
    "a kid that is a number": jwks(KEY).replace(f'"kid": "{KEY.thumbprint()}"', '"kid": 7'),
}


@pytest.mark.filterwarnings("ignore:Key size should")
@pytest.mark.parametrize("text", KEYS.values(), ids=KEYS)
def test_keys_that_are_not_public_sound_and_named_apart_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=" "):
        jose.key_set(text)
