from decimal import Decimal

import pytest

from broker.domain.check import Action, Amount
from broker.policy.condition import EXPRESSION_LENGTH_MAX, Condition, Truth

PAYMENT = Action(
    "pay", Amount(Decimal("950.00"), "EUR"), "iban:1", {"newPayee": True, "count": 3, "ratio": 0.5, "tag": "x"}
)
BARE = Action("pay")


@pytest.mark.parametrize(
    ("text", "payment", "bare"),
    [
        ("true", Truth.TRUE, Truth.TRUE),
        ("action.type == 'pay'", Truth.TRUE, Truth.TRUE),
        ("action.amount.value > 900.0", Truth.TRUE, Truth.UNKNOWN),
        ("action.amount.value > 900", Truth.TRUE, Truth.UNKNOWN),
        ("action.amount.value > 1000.0", Truth.FALSE, Truth.UNKNOWN),
        ("action.amount.currency == 'EUR'", Truth.TRUE, Truth.UNKNOWN),
        ("has(action.amount)", Truth.TRUE, Truth.FALSE),
        ("has(action.resource) && action.resource.startsWith('iban:')", Truth.TRUE, Truth.FALSE),
        ("has(action.resource) && action.resource == 'action.kind'", Truth.FALSE, Truth.FALSE),
        ("action.attributes['newPayee']", Truth.TRUE, Truth.UNKNOWN),
        ("action.attributes.newPayee", Truth.TRUE, Truth.UNKNOWN),
        ("!action.attributes.newPayee", Truth.FALSE, Truth.UNKNOWN),
        ("action.attributes.count == 3", Truth.TRUE, Truth.UNKNOWN),
        ("action.attributes.tag", Truth.UNKNOWN, Truth.UNKNOWN),
        ("action.attributes.ratio", Truth.UNKNOWN, Truth.UNKNOWN),
        ("action.attributes.tag > 5", Truth.UNKNOWN, Truth.UNKNOWN),
        ("action.attributes.tag == false", Truth.FALSE, Truth.UNKNOWN),
        (
            "action.amount.value > 1.0 || true",
            Truth.TRUE,
            Truth.TRUE,
        ),  # CEL absorbs the error: has() says what is meant
    ],
)
def test_accepts_nothing_but_a_boolean(text: str, payment: Truth, bare: Truth) -> None:
    assert Condition(text).holds(PAYMENT) is payment
    assert Condition(text).holds(BARE) is bare


def test_an_integer_beyond_64_bits_is_unknown_and_raises_nothing() -> None:
    assert Condition("action.attributes.n > 5").holds(Action("pay", attributes={"n": 2**80})) is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a CEL"),
        ("action.amount.value >", "not a CEL"),
        ("actoin.type == 'pay'", "not a CEL"),
        ("1 + 1", "gives INT"),
        ("'yes'", "gives STRING"),
        ("action.amuont.value > 5.0", "no member 'amuont'"),
        ("action.amount.vlaue > 5.0", "no member 'amount.vlaue'"),
        ("action.amount.value.cents > 5", "action.amount.value has no members"),
        ("action.resource.kind == 'iban'", "action.resource has no members"),
        ("action.resource['kind'] == 'iban'", "action.resource has no members"),
        ("action.type.family == 'pay'", "action.type has no members"),
        ("action['amount']['value'] > 5.0", "members of `action` by name"),
        ("'amount' in action", "members of `action` by name"),
        ("action.amount['value'] > 5.0", "no member"),
        ("(" * 2000, "longer than"),
        ("(" * 400 + "true" + ")" * 400, "not a CEL"),
        ("x" * (EXPRESSION_LENGTH_MAX + 1), "longer than"),
    ],
)
def test_refuses_at_load_what_could_never_hold(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Condition(text)


def test_a_bomb_is_cut_short() -> None:
    nested = "[0,1,2,3,4,5,6,7,8,9].all(a, " * 7 + "true" + ")" * 7
    assert Condition(nested).holds(BARE) is Truth.UNKNOWN
