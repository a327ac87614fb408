"""How long an answer may take."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rights.terms import GDPR, Span, Term, Terms


@pytest.mark.parametrize(
    ("at", "span", "then"),
    [
        ((2026, 1, 15), Span(months=1), (2026, 2, 15)),
        ((2026, 1, 31), Span(months=1), (2026, 2, 28)),
        ((2028, 1, 31), Span(months=1), (2028, 2, 29)),
        ((2026, 11, 30), Span(months=3), (2027, 2, 28)),
        ((2026, 12, 31), Span(months=2), (2027, 2, 28)),
        ((2026, 11, 23), Span(days=15), (2026, 12, 8)),
    ],
)
def test_a_month_is_the_calendars(at: tuple[int, int, int], span: Span, then: tuple[int, int, int]) -> None:
    assert span.after(datetime(*at, 9, 30, tzinfo=UTC)) == datetime(*then, 9, 30, tzinfo=UTC)


@given(st.integers(0, 36_000).map(lambda days: datetime(2000, 1, 1, 9, tzinfo=UTC) + timedelta(days=days)))
def test_a_month_is_never_more_than_31_days_and_never_less_than_28(at: datetime) -> None:
    assert timedelta(days=28) <= Span(months=1).after(at) - at <= timedelta(days=31)


def test_a_country_has_its_own_term_and_all_others_that_of_the_gdpr() -> None:
    brazil = Term(Span(days=15))
    terms = Terms(by_country={"BR": brazil})
    assert (terms.of("BR"), terms.of("ES"), terms.of(None)) == (brazil, GDPR, GDPR)
