import hashlib
import hmac
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker.audit.action_digest import action_digest, form
from broker.audit.jcs import canonical
from broker.audit.leaf import b64url, from_b64url
from broker.domain.check import Action, Amount
from broker.surfaces import wire

VECTORS = json.loads((Path(__file__).parents[3] / "openapi" / "action-digests.json").read_text("utf-8"))["vectors"]
SALT = bytes(range(16))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["about"])
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    action = wire.to_action(vector["action"])
    salt = from_b64url(vector["salt"])
    assert canonical(form(action)).decode("utf-8") == vector["canonical"]
    # By the library alone, as a verifier in any other language would.
    alone = hmac.new(salt, vector["canonical"].encode("utf-8"), hashlib.sha256).digest()
    assert b64url(action_digest(action, salt)) == b64url(alone) == vector["digest"]


def action(**changed: Any) -> Action:
    members: dict[str, Any] = {
        "type": "payment.transfer",
        "amount": Amount(Decimal("950.00"), "EUR"),
        "resource": "iban:1",
        "attributes": {"a": 1, "b": True},
    }
    return Action(**(members | changed))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (action(), action(amount=Amount(Decimal(950), "EUR"))),
        (action(), action(attributes={"b": True, "a": 1})),
        (action(amount=Amount(Decimal(1000), "EUR")), action(amount=Amount(Decimal("1000.0"), "EUR"))),
    ],
    ids=["trailing zeros", "order of attributes", "zeros that count"],
)
def test_equal_actions_have_equal_digests(one: Action, other: Action) -> None:
    assert action_digest(one, SALT) == action_digest(other, SALT)


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "payment.refund"},
        {"amount": Amount(Decimal("950.01"), "EUR")},
        {"amount": Amount(Decimal(95000), "EUR")},
        {"amount": Amount(Decimal(950), "USD")},
        {"amount": None},
        {"resource": "iban:2"},
        {"resource": None},
        {"attributes": {"a": 1}},
        {"attributes": {"a": 1, "b": "True"}},
        {"attributes": {"a": True, "b": True}},
    ],
    ids=str,
)
def test_any_difference_in_the_action_shows_in_the_digest(changed: dict[str, Any]) -> None:
    assert action_digest(action(), SALT) != action_digest(action(**changed), SALT)


def test_another_salt_gives_another_digest() -> None:
    assert action_digest(action(), SALT) != action_digest(action(), bytes(16))


def test_an_action_shows_nothing_but_its_type() -> None:
    assert repr(action()) == "Action(payment.transfer)"
