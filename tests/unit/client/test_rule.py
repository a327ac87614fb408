"""How the arguments of a tool call are bound to a decision."""

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from broker.client.guards import ModelWritten, Rule
from broker.client.guards._rule import ARGUMENTS, digest

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | TEXTS | some.decimals(0, 99),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Payee:
    iban: str


class Model:
    """What pydantic calls a model, as far as the guard knows it."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        return {"iban": "1", "mode": mode}


PLAIN: list[Any] = [
    None,
    True,
    1,
    1.0,
    1.5,
    "1",
    "",
    Decimal(1),
    Decimal("1.5"),
    2**60,
    str(2**60),
    date(2026, 1, 1),
    datetime(2026, 1, 1, tzinfo=UTC),
    UUID(int=1),
    b"1",
    Colour.RED,
    "red",
    [],
    {},
    [1],
    {"a": 1},
    {"a": [1, None]},
    {1},
    {"~": ["float", "1.5"]},
    {"~~": ["float", "1.5"]},
    Payee("1"),
    {"iban": "1"},
    Model(),
]


def test_different_values_have_different_digests() -> None:
    assert len({digest({"x": value}) for value in PLAIN}) == len(PLAIN)


@given(one=VALUES, other=VALUES)
def test_equal_digests_mean_equal_values(one: Any, other: Any) -> None:
    assert (digest({"x": one}) == digest({"x": other})) == (repr(_sorted(one)) == repr(_sorted(other)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def kind_of(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("value", [object(), lambda: 1, {1: 2}, {("a",): 1}, "\ud800", type], ids=kind_of)
def test_what_cannot_be_bound_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of the ways to say so
        digest({"x": value})


def test_an_unbound_argument_may_change() -> None:
    rule = Rule("a", number=str, unbound=frozenset({"note"}))
    assert rule.action_of({"iban": "1", "note": object()}) == rule.action_of({"iban": "1", "note": "x"})
    assert rule.action_of({"iban": "1"}) != rule.action_of({"iban": "2"})


def test_the_question_holds_what_the_rule_takes_from_the_arguments() -> None:
    rule = Rule(
        "payment.transfer",
        number=lambda session: session["phone"],
        amount=lambda call: (call["eur"], "EUR"),
        resource=lambda call: call["iban"],
        attributes=lambda call: {"newPayee": call["new"]},
        more=lambda session: {"location": session["place"], "amount": ("0", "EUR")},
    )
    arguments, context = {"eur": "5", "iban": "1", "new": True}, ({"phone": "+34600000101", "place": (1.0, 2.0, 3.0)},)
    about = rule.about(arguments, context)
    assert rule.number_of(arguments, context) == "+34600000101"
    assert (about["amount"], about["resource"], about["location"]) == (("5", "EUR"), "1", (1.0, 2.0, 3.0))
    assert about["attributes"] == {"newPayee": True, ARGUMENTS: digest(arguments)}


def test_a_number_that_the_model_wrote_is_taken_only_where_that_is_said() -> None:
    arguments = {"phone": "+34600000999"}
    assert Rule("a", number=lambda: "+34600000101").number_of(arguments, ()) == "+34600000101"
    assert Rule("a", number=ModelWritten("phone")).number_of(arguments, ()) == "+34600000999"
