"""Offline verification in the client: its own code, held to the same table of forgeries as the broker's."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from broker.audit.action_digest import action_digest
from broker.audit.leaf import b64url
from broker.client import BrokerUnreachable, ReceiptInvalid
from broker.client.receipts import Action, Keeping, ReceiptVerifier, verify
from broker.domain import check
from tests.support.clocks import NOON
from tests.unit.audit.test_receipts import JWKS, OTHER, REFUSED, signed

SALT = bytes(range(16))
DONE = Action("payment.transfer", ("950.00", "EUR"), "iban:1", {"newPayee": True})
_THEIRS = check.Action("payment.transfer", check.Amount(Decimal(950), "EUR"), "iban:1", {"newPayee": True})
BOUND = signed(action_digest=b64url(action_digest(_THEIRS, SALT)), action_salt=b64url(SALT))


def test_a_receipt_is_believed_for_its_action_alone() -> None:
    receipt = verify(BOUND, JWKS, action=DONE, now=NOON, audience="acme", issuer="http://broker.example")
    assert (receipt.check_id, receipt.decision, receipt.policy_version) == ("chk_1", "allow", 1)


@pytest.mark.parametrize(
    "other",
    [
        Action("payment.refund", ("950.00", "EUR"), "iban:1", {"newPayee": True}),
        Action("payment.transfer", ("950.01", "EUR"), "iban:1", {"newPayee": True}),
        Action("payment.transfer", ("950.00", "USD"), "iban:1", {"newPayee": True}),
        Action("payment.transfer", ("950.00", "EUR"), "iban:2", {"newPayee": True}),
        Action("payment.transfer", ("950.00", "EUR"), "iban:1", {}),
        Action("payment.transfer", ("950.00", "EUR"), "iban:1", {"newPayee": 1.5}),  # type: ignore[dict-item]
        Action("payment.transfer", None, "iban:1", {"newPayee": True}),
    ],
)
def test_and_for_no_other(other: Action) -> None:
    with pytest.raises(ReceiptInvalid, match="another action"):
        verify(BOUND, JWKS, action=other, now=NOON)


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_a_forgery_is_refused(token: str) -> None:
    with pytest.raises(ReceiptInvalid):
        verify(token, JWKS, action=None, now=NOON)
    with pytest.raises(ReceiptInvalid):
        ReceiptVerifier(lambda: JWKS, audience="acme", issuer="http://broker.example", now=lambda: NOON).verify(
            token, action=None
        )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"now": NOON + timedelta(seconds=300)}, "expired"),
        ({"now": NOON - timedelta(seconds=31)}, "future"),
        ({"audience": "globex"}, "audience"),
        ({"issuer": "http://other.example"}, "issuer"),
        ({"decision": "step_up"}, "decision"),
    ],
    ids=str,
)
def test_a_receipt_for_something_else_is_refused(changed: dict[str, Any], told: str) -> None:
    wanted: dict[str, Any] = {"action": DONE, "now": NOON} | changed
    with pytest.raises(ReceiptInvalid, match=told):
        verify(BOUND, JWKS, **wanted)


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": [{}]}, {"keys": ["x"]}], ids=str)
def test_keys_that_are_none_verify_nothing(jwks: Mapping[str, Any]) -> None:
    with pytest.raises(ReceiptInvalid):
        verify(BOUND, jwks, action=DONE, now=NOON)


class Wardrobe:
    """Where keys come from, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.jwks: Mapping[str, Any] | None = JWKS
        self.now_s = 1000.0

    def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.jwks is None:
            raise BrokerUnreachable("gone")
        return self.jwks

    def verifier(self) -> ReceiptVerifier:
        return ReceiptVerifier(
            self,
            audience="acme",
            issuer="http://broker.example",
            keeping=Keeping(keep_s=300, again_s=10, stale_s=3600),
            now=lambda: NOON,
            monotonic_s=lambda: self.now_s,
        )


def test_keys_are_fetched_once_and_again_when_they_are_old() -> None:
    keys = Wardrobe()
    verifier = keys.verifier()
    for _ in range(3):
        verifier.verify(BOUND, action=DONE)
    assert keys.asked == 1
    keys.now_s += 301
    verifier.verify(BOUND, action=DONE)
    assert keys.asked == 2


def test_a_new_key_is_found_and_strangers_make_no_flood() -> None:
    keys = Wardrobe()
    keys.jwks = {"keys": [OTHER.public_jwk()]}
    verifier = keys.verifier()
    for _ in range(5):
        with pytest.raises(ReceiptInvalid):
            verifier.verify(BOUND, action=DONE)
    assert keys.asked == 1
    keys.jwks = JWKS
    keys.now_s += 11
    assert verifier.verify(BOUND, action=DONE).check_id == "chk_1"
    assert keys.asked == 2


def test_kept_keys_serve_while_the_broker_is_gone_and_not_for_ever() -> None:
    keys = Wardrobe()
    verifier = keys.verifier()
    verifier.verify(BOUND, action=DONE)
    keys.jwks = None
    keys.now_s += 3000
    verifier.verify(BOUND, action=DONE)
    keys.now_s += 601
    for _ in range(2):
        with pytest.raises((BrokerUnreachable, ReceiptInvalid)):
            verifier.verify(BOUND, action=DONE)


def test_without_keys_nothing_is_believed() -> None:
    keys = Wardrobe()
    keys.jwks = None
    verifier = keys.verifier()
    with pytest.raises(BrokerUnreachable):
        verifier.verify(BOUND, action=DONE)
    with pytest.raises(ReceiptInvalid):
        verifier.verify(BOUND, action=DONE)
    keys.jwks = {"keys": None}
    with pytest.raises(ReceiptInvalid):
        keys.verifier().verify(BOUND, action=DONE)
