import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.phone import PhoneNumber

REFUSED = {
    "national": "600000101",
    "without plus": "34600000101",
    "00 prefix": "0034600000101",
    "plus zero": "+034600000101",
    "two plus": "++34600000101",
    "trailing newline": "+34600000101\n",
    "leading space": " +34600000101",
    "inner space": "+34 600000101",
    "hyphen": "+34-600-000-101",
    "extension": "+34600000101;ext=1",
    "extension in words": "+34600000101x12",
    "national zero in brackets": "+44(0)7700900101",
    "arabic digits": "+٣٤٦٠٠٠٠٠١٠١",
    "full-width digits": "+３４６００",
    "full-width plus": "＋34600000101",
    "zero-width space": "+34600\u200b000101",
    "right-to-left mark": "\u200f+34600000101",
    "vanity letters": "+1800FLOWERS",
    "tel uri": "tel:+34600000101",
    "too short": "+3460",
    "too long": "+3460000010112345",
    "empty": "",
    "nul": "+34600000101\x00",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_whatever_is_not_e164_is_refused_and_never_repaired(text: str) -> None:
    with pytest.raises(ValueError, match="not E"):
        PhoneNumber.parse(text)


@given(st.from_regex(r"\+[1-9][0-9]{4,14}", fullmatch=True).filter(str.isascii))
def test_an_accepted_number_is_kept_letter_by_letter(text: str) -> None:
    assert PhoneNumber.parse(text).e164 == text


@given(st.text(max_size=20))
def test_what_is_accepted_is_ascii_plus_and_digits(text: str) -> None:
    try:
        accepted = PhoneNumber.parse(text).e164
    except ValueError:
        return
    assert accepted[0] == "+"
    assert accepted[1:].isascii()
    assert accepted[1:].isdigit()


def test_a_number_does_not_print_itself() -> None:
    phone = PhoneNumber.parse("+34600000101")
    for shown in (str(phone), repr(phone), f"{phone}", f"{[phone]}"):
        assert "600000101" not in shown
