import base64
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from broker.audit import receipts, signing_key
from broker.audit.action_digest import action_digest
from broker.audit.leaf import b64url
from broker.audit.receipts import Receipt, ReceiptInvalid, ReceiptSigner, covers, verify
from broker.audit.signing_key import SigningKey
from broker.domain.check import Action, Amount
from tests.support.clocks import NOON

KEY = SigningKey(signing_key.generate_pem())
OTHER = SigningKey(signing_key.generate_pem())
JWKS = {"keys": [KEY.public_jwk()]}
ISSUED_S = int(NOON.timestamp())


def receipt(**changed: Any) -> Receipt:
    members: dict[str, Any] = {
        "iss": "http://broker.example",
        "aud": "acme",
        "sub": "ab" * 16,
        "jti": "chk_1",
        "iat": ISSUED_S,
        "exp": ISSUED_S + 300,
        "tenant": "acme",
        "consumer": "shop",
        "agent": "till",
        "check": "chk_1",
        "action": "payment.transfer",
        "action_digest": "x",
        "action_salt": "z",
        "decision": "allow",
        "policy": "payment",
        "policy_version": 1,
        "leaf": "y",
    }
    return Receipt(**(members | changed))


def signed(**changed: Any) -> str:
    return ReceiptSigner(lambda: KEY, issuer="http://broker.example", ttl_s=300).sign(receipt(**changed))


def forged(header: dict[str, Any], key: Any = KEY.jwk, **changed: Any) -> str:
    payload = json.dumps({name: getattr(receipt(**changed), name) for name in Receipt.__struct_fields__}).encode()
    registry = jws.JWSRegistry(algorithms=["ES256", "HS256", "RS256", "none"], strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


def test_a_receipt_verifies_with_the_public_keys_alone() -> None:
    assert verify(signed(), JWKS, now=NOON, audience="acme") == receipt()


def test_keys_may_overlap_while_they_rotate() -> None:
    jwks = {"keys": [OTHER.public_jwk(), KEY.public_jwk()]}
    assert verify(signed(), jwks, now=NOON).check == "chk_1"


def test_the_published_key_holds_nothing_private() -> None:
    assert not {"d", "p", "q", "k"} & KEY.public_jwk().keys()
    assert "PRIVATE" not in repr(KEY)


GOOD = {"alg": "ES256", "kid": KEY.kid, "typ": receipts.TYP}
PUBLIC_AS_SECRET = OctKey.import_key(json.dumps(KEY.public_jwk()))
REFUSED: dict[str, str] = {
    "another key": forged(GOOD, OTHER.jwk),
    "another type": forged({**GOOD, "typ": "at+jwt"}),
    "no type": forged({"alg": "ES256", "kid": KEY.kid}),
    "unknown kid": forged({**GOOD, "kid": "nobody"}),
    "HS256 with the public key": forged({**GOOD, "alg": "HS256"}, PUBLIC_AS_SECRET),
    "RS256": forged({**GOOD, "alg": "RS256"}, RSAKey.generate_key(2048)),
    "embedded key": forged({**GOOD, "kid": "x", "jwk": OTHER.public_jwk()}, OTHER.jwk),
    "lives too long": signed(exp=ISSUED_S + 301),
    "from the future": signed(iat=ISSUED_S + 31, exp=ISSUED_S + 331),
    "expired": signed(iat=ISSUED_S - 300, exp=ISSUED_S),
    "three parts of nothing": "..",
    "not a token": "hello",
    "too large": "a" * 5000,
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(ReceiptInvalid):
        verify(token, JWKS, now=NOON)


def test_without_signature_nothing_passes() -> None:
    head, body, _ = signed().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"trust-receipt+jwt"}').rstrip(b"=").decode()
    for token in (f"{none}.{body}.", f"{head}.{body}."):
        with pytest.raises(ReceiptInvalid):
            verify(token, JWKS, now=NOON)


def test_another_audience_is_refused() -> None:
    with pytest.raises(ReceiptInvalid, match="audience"):
        verify(signed(), JWKS, now=NOON, audience="globex")


@pytest.mark.parametrize("name", [name for name in Receipt.__struct_fields__ if name not in {"iat", "exp"}])
def test_each_changed_claim_breaks_the_signature(name: str) -> None:
    head, body, signature = signed().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims[name] = 7 if isinstance(claims[name], int) else f"{claims[name]}x"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(ReceiptInvalid):
        verify(f"{head}.{changed}.{signature}", JWKS, now=NOON)


def test_a_receipt_ends_with_its_time() -> None:
    token = signed()
    verify(token, JWKS, now=NOON + timedelta(seconds=299))
    with pytest.raises(ReceiptInvalid, match="expired"):
        verify(token, JWKS, now=NOON + timedelta(seconds=300))


def test_a_key_on_another_curve_is_refused_at_start() -> None:
    pem = ECKey.generate_key("P-384").as_pem(private=True)
    with pytest.raises(ValueError, match="P-256"):
        SigningKey(pem)


def test_another_issuer_is_refused() -> None:
    assert verify(signed(), JWKS, now=NOON, issuer="http://broker.example").check == "chk_1"
    with pytest.raises(ReceiptInvalid, match="issuer"):
        verify(signed(), JWKS, now=NOON, issuer="http://broker.example.evil")


def test_a_receipt_covers_its_action_and_no_other() -> None:
    salt = bytes(16)
    done = Action("payment.transfer", Amount(Decimal(10), "EUR"), "iban:1")
    held = receipt(action_digest=b64url(action_digest(done, salt)), action_salt=b64url(salt))
    assert covers(held, done)
    assert not covers(held, Action("payment.transfer", Amount(Decimal(11), "EUR"), "iban:1"))
    assert not covers(held, Action("payment.transfer", Amount(Decimal(10), "EUR"), "iban:2"))
