import pytest

from broker.adapter_kit.waiting import retry_after_s
from tests.support.clocks import NOON


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999999", 86_400.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 12:01:00 -0000", 60.0),
        ("Fri, 22 Nov 2030 12:00:00 GMT", 86_400.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e9", None),
        ("٣", None),
        ("soon", None),
        ("9" * 5000, None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("2026-11-22T12:00:30Z", None),
    ],
)
def test_an_operators_wish_is_read_in_both_forms_or_not_at_all(text: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": text}, NOON) == seconds


def test_an_answer_without_the_field_wishes_nothing() -> None:
    assert retry_after_s({}, NOON) is None
