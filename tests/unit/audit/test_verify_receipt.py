"""The page of code that strangers verify receipts with; the TypeScript one beside it is run by ``make conformance``."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from broker.audit import log_key, merkle, signing_key
from broker.audit.action_digest import action_digest
from broker.audit.leaf import b64url
from broker.audit.log_key import LogKey
from broker.audit.receipts import Receipt, ReceiptSigner
from broker.audit.signing_key import SigningKey
from broker.surfaces import wire

PAGE = Path(__file__).parents[3] / "openapi" / "verify_receipt.py"
LINES_MAX = 90
KEY, LOG = SigningKey(signing_key.generate_pem()), LogKey(log_key.generate_pem(), "broker.example/log")
OTHER_LOG = LogKey(log_key.generate_pem(), "broker.example/log")
JWKS = {"keys": [KEY.public_jwk()]}
ACTION = {
    "type": "payment.transfer",
    "amount": {"value": "950.00", "currency": "EUR"},
    "resource": "iban:ñ",
    "attributes": {"newPayee": True, "count": 3},
}
SALT = bytes(range(16))
PLACE, SIZE = 5, 11


@pytest.fixture(scope="module")
def page() -> Any:
    spec = importlib.util.spec_from_file_location("verify_receipt", PAGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(SIZE)]


def root_of(part: merkle.Range) -> bytes:
    tree = merkle.Frontier()
    for leaf in LEAVES[part.start : part.end]:
        tree.append(leaf)
    return tree.root()


def proof(log: LogKey = LOG) -> dict[str, Any]:
    hashes = [b64url(root_of(part)) for part in merkle.inclusion(PLACE, SIZE)]
    return {"index": PLACE, "hashes": hashes, "checkpoint": str(log.sign(SIZE, root_of(merkle.Range(0, SIZE))))}


def token(**changed: Any) -> str:
    now_s = int(time.time())
    words: dict[str, Any] = dict.fromkeys(Receipt.__struct_fields__, "x")
    words |= {"iat": now_s, "exp": now_s + 300, "policy_version": 1, "aud": "acme", "decision": "allow"}
    words |= {
        "action_digest": b64url(action_digest(wire.to_action(ACTION), SALT)),
        "action_salt": b64url(SALT),
        "leaf": b64url(LEAVES[PLACE]),
    }
    return ReceiptSigner(lambda: KEY, issuer="x", ttl_s=300).sign(Receipt(**(words | changed)))


def test_a_receipt_is_good_for_its_action_and_in_the_log(page: Any) -> None:
    claims = page.verify(token(), JWKS, audience="acme", action=ACTION)
    assert claims["decision"] == "allow"
    page.included(claims, proof(), LOG.public.vkey())


def test_the_page_is_a_page() -> None:
    for name in ("verify_receipt.py", "verify-receipt.ts"):
        assert len((PAGE.parent / name).read_text("utf-8").splitlines()) <= LINES_MAX


REFUSED: dict[str, Callable[[], tuple[str, Any, str, Any]]] = {
    "another action": lambda: (token(), JWKS, "acme", ACTION | {"resource": "iban:2"}),
    "another amount": lambda: (token(), JWKS, "acme", ACTION | {"amount": {"value": "951", "currency": "EUR"}}),
    "another audience": lambda: (token(), JWKS, "globex", ACTION),
    "no such key": lambda: (token(), {"keys": []}, "acme", ACTION),
    "no allow": lambda: (token(decision="deny"), JWKS, "acme", ACTION),
    "expired": lambda: (token(iat=0, exp=300), JWKS, "acme", ACTION),
    "lives too long": lambda: (token(exp=int(time.time()) + 900), JWKS, "acme", ACTION),
    "another signature": lambda: (token()[:-6] + "AAAAAA", JWKS, "acme", ACTION),
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused(page: Any, given: Callable[[], tuple[str, Any, str, Any]]) -> None:
    receipt, jwks, audience, action = given()
    with pytest.raises((ValueError, InvalidSignature)):
        page.verify(receipt, jwks, audience=audience, action=action)


NOT_IN_THE_LOG: dict[str, tuple[dict[str, Any], str]] = {
    "another place": (proof() | {"index": PLACE + 1}, LOG.public.vkey()),
    "a hash less": (proof() | {"hashes": proof()["hashes"][:-1]}, LOG.public.vkey()),
    "another hash": (proof() | {"hashes": [b64url(bytes(32)), *proof()["hashes"][1:]]}, LOG.public.vkey()),
    "another log's key": (proof(), OTHER_LOG.public.vkey()),
    "signed by another log": (proof(OTHER_LOG), LOG.public.vkey()),
    "another size": (
        proof() | {"checkpoint": proof()["checkpoint"].replace("\n11\n", "\n12\n")},
        LOG.public.vkey(),
    ),
}


@pytest.mark.parametrize(("shown", "vkey"), NOT_IN_THE_LOG.values(), ids=NOT_IN_THE_LOG.keys())
def test_what_is_not_in_the_log_is_refused(page: Any, shown: dict[str, Any], vkey: str) -> None:
    claims = page.verify(token(), JWKS, audience="acme", action=ACTION)
    with pytest.raises((ValueError, InvalidSignature)):
        page.included(claims, shown, vkey)
