"""The digest of an action: the published vectors, and agreement with the broker's own, which is other code."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from broker.audit.action_digest import action_digest
from broker.client._action import SAFE_INTEGER_MAX, Action, b64url, canonical, from_b64url
from broker.domain import check

VECTORS = json.loads((Path(__file__).parents[3] / "openapi" / "action-digests.json").read_text("utf-8"))["vectors"]
TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=20)


def kind_of(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["about"])
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    told = vector["action"]
    amount = (told["amount"]["value"], told["amount"]["currency"]) if "amount" in told else None
    action = Action(told["type"], amount, told.get("resource"), told.get("attributes", {}))
    assert b64url(action.digest(from_b64url(vector["salt"]))) == vector["digest"]


@given(
    amount=some.none() | some.decimals(0, 10**15, places=4).map(lambda value: (f"{value:f}", "EUR")),
    resource=some.none() | TEXTS,
    attributes=some.dictionaries(
        TEXTS, TEXTS | some.booleans() | some.integers(-SAFE_INTEGER_MAX, SAFE_INTEGER_MAX), max_size=5
    ),
    salt=some.binary(min_size=16, max_size=16),
)
def test_it_is_the_broker_s_own_digest(
    amount: tuple[str, str] | None, resource: str | None, attributes: dict[str, Any], salt: bytes
) -> None:
    theirs = check.Action(
        "payment.transfer", check.Amount(Decimal(amount[0]), amount[1]) if amount else None, resource, attributes
    )
    assert Action("payment.transfer", amount, resource, attributes).digest(salt) == action_digest(theirs, salt)


@pytest.mark.parametrize(
    "value",
    [1.5, SAFE_INTEGER_MAX + 1, {1: "a"}, "\ud800", {"\ud800": 1}, object(), {"a": [float("nan")]}],
    ids=lambda value: type(value).__name__,
)
def test_what_two_programs_may_write_differently_has_no_form(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of the ways to say so
        canonical(value)


@pytest.mark.parametrize("amount", ["", "x", "NaN", "Infinity", "1,5"])
def test_an_amount_that_is_no_decimal_has_no_digest(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        Action("a", (amount, "EUR")).digest(b"")


def test_an_action_shows_nothing_but_its_type() -> None:
    assert repr(Action("payment.transfer", ("1", "EUR"), "iban:1", {"a": 1})) == "Action(type='payment.transfer')"
