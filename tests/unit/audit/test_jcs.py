import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.jcs import SAFE_INTEGER_MAX, NotCanonical, canonical


def test_members_are_sorted_by_their_utf_16_code_units() -> None:
    """The example of RFC 8785 section 3.2.3."""
    shuffled = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(shuffled))) == order


def test_texts_are_escaped_no_more_than_they_must_be() -> None:
    """The text of the example of RFC 8785 section 3.2.2.2."""
    assert canonical('\u20ac$\x0f\nA\'B"\\\\"/').decode() == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


FORMS: list[tuple[Any, str]] = [
    ({"b": [True, False, None], "a": {"d": 1, "c": -1}}, '{"a":{"c":-1,"d":1},"b":[true,false,null]}'),
    (SAFE_INTEGER_MAX, "9007199254740991"),
    (-SAFE_INTEGER_MAX, "-9007199254740991"),
    ({}, "{}"),
    ("\x7f\b\f\t", '"\x7f\\b\\f\\t"'),
]


@pytest.mark.parametrize(("value", "form"), FORMS, ids=[form for _, form in FORMS])
def test_a_value_has_one_form(value: Any, form: str) -> None:
    assert canonical(value).decode("utf-8") == form


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), SAFE_INTEGER_MAX + 1, -SAFE_INTEGER_MAX - 1, b"x", {1: "x"}, "\ud800", {"\udfff": 1}],
    ids=repr,
)
def test_what_two_implementations_may_write_differently_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_LEAVES = st.none() | st.booleans() | _TEXTS | st.integers(-SAFE_INTEGER_MAX, SAFE_INTEGER_MAX)
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=12)


@given(_VALUES)
def test_the_form_reads_as_the_value_and_is_a_fixed_point(value: Any) -> None:
    written = canonical(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written
