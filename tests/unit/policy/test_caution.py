"""Recent checks count: sensitive ones raise the class, refused ones stand, allowed amounts add up. Nothing loosens."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.check import Action, Amount
from broker.domain.decision import ActionClass, Outcome
from broker.policy.caution import (
    ADVERSE_STANDS,
    AMOUNT_ACCUMULATED,
    CLASS_RAISED,
    RAISING,
    Caution,
    CautionLimits,
    Recent,
    caution,
)
from broker.policy.document import PolicyDocument

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
POLICIES = Path(__file__).parents[3] / "config" / "policies"
PAYMENT = PolicyDocument.read((POLICIES / "payment.yaml").read_text("utf-8"), source="payment.yaml")
LOW, MEDIUM, HIGH, CRITICAL = ActionClass
LIMITS = CautionLimits()
DIGEST = b"this action"


def pay(value: str, currency: str = "EUR") -> Action:
    return Action("payment.transfer", Amount(Decimal(value), currency), None, {"newPayee": False})


def recent(
    minutes_ago: float = 1.0,
    action_class: ActionClass = LOW,
    outcome: Outcome | None = Outcome.ALLOW,
    amount: str | None = None,
    *,
    digest: bytes = b"another",
    action_type: str = "payment.transfer",
    currency: str = "EUR",
) -> Recent:
    money = None if amount is None else Amount(Decimal(amount), currency)
    return Recent(NOW - timedelta(minutes=minutes_ago), action_type, action_class, digest, outcome, money)


def now(action: Action, *before: Recent) -> Caution:
    asked = PAYMENT.actions[action.type].classify(action)
    ours = Recent(NOW, action.type, asked, DIGEST, None, action.amount)
    return caution(PAYMENT, action, ours, before, LIMITS)


@pytest.mark.parametrize(
    ("action", "before", "expected"),
    [
        (pay("20"), (), Caution(LOW)),
        (pay("50"), (), Caution(LOW)),
        (pay("30"), (recent(amount="20"),), Caution(LOW)),
        (pay("30"), (recent(amount="20.01"),), Caution(MEDIUM, codes=(AMOUNT_ACCUMULATED,))),
        (pay("20"), (recent(action_class=HIGH),), Caution(HIGH, codes=(CLASS_RAISED,))),
        (pay("20"), (recent(14.9, HIGH),), Caution(HIGH, codes=(CLASS_RAISED,))),
        (pay("20"), (recent(15, HIGH),), Caution(LOW)),
        (pay("20"), (recent(action_class=CRITICAL),), Caution(HIGH, codes=(CLASS_RAISED,))),
        (pay("20"), (recent(59, HIGH, Outcome.DENY, digest=DIGEST),), Caution(LOW, Outcome.DENY, (ADVERSE_STANDS,))),
        (pay("20"), (recent(59, LOW, Outcome.REVIEW, digest=DIGEST),), Caution(LOW, Outcome.REVIEW, (ADVERSE_STANDS,))),
        (pay("20"), (recent(60, LOW, Outcome.DENY, digest=DIGEST),), Caution(LOW)),
        (pay("20"), (recent(1, LOW, Outcome.STEP_UP, digest=DIGEST),), Caution(LOW)),
        (pay("20"), (recent(1, LOW, Outcome.DENY),), Caution(LOW)),
        (pay("20"), (recent(600, amount="20"),), Caution(LOW)),
        (pay("20"), (recent(600, amount="900"),), Caution(MEDIUM, codes=(AMOUNT_ACCUMULATED,))),
        (pay("20"), (recent(600, amount="900", outcome=None),), Caution(MEDIUM, codes=(AMOUNT_ACCUMULATED,))),
        (pay("20"), (recent(600, amount="900", outcome=Outcome.STEP_UP),), Caution(LOW)),
        (pay("20"), (recent(600, amount="900", currency="CHF"),), Caution(LOW)),
        (pay("20"), (recent(600, amount="900", action_type="payment.request"),), Caution(LOW)),
        (pay("20"), (recent(1440, amount="900"),), Caution(LOW)),
    ],
)
def test_what_was_asked_before_counts(action: Action, before: tuple[Recent, ...], expected: Caution) -> None:
    assert now(action, *before) == expected


def test_ten_small_ones_are_a_large_one() -> None:
    alone = now(pay("100"))
    parts = [recent(n, amount="100") for n in range(1, 60)]
    assert now(pay("100"), *parts).action_class > alone.action_class


recents = st.lists(
    st.builds(
        recent,
        st.floats(0.0, 3000.0),
        st.sampled_from(ActionClass),
        st.none() | st.sampled_from(Outcome),
        st.none() | st.decimals("0", "10000", places=2).map(str),
        digest=st.sampled_from([DIGEST, b"another"]),
    ),
    max_size=8,
)


@given(st.decimals("0", "5000", places=2).map(str), recents, recents)
def test_more_history_never_loosens(value: str, some: list[Recent], more: list[Recent]) -> None:
    before, after = now(pay(value), *some), now(pay(value), *some, *more)
    assert after.action_class >= before.action_class >= now(pay(value)).action_class
    assert after.floor >= before.floor


@given(st.decimals("0", "5000", places=2).map(str), recents)
def test_the_order_of_history_does_not_matter(value: str, some: list[Recent]) -> None:
    assert now(pay(value), *some) == now(pay(value), *reversed(some))


@given(recents)
def test_what_is_older_than_the_longest_window_is_forgotten(some: list[Recent]) -> None:
    old = [one for one in some if one.at <= NOW - LIMITS.longest]
    assert now(pay("20"), *old) == Caution(LOW)


def test_which_codes_say_that_the_class_is_another() -> None:
    assert frozenset({CLASS_RAISED, AMOUNT_ACCUMULATED}) == RAISING
