"""An operator that changed is found out; one that did not is left alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.signal import Unavailability
from broker.learning.drift import DriftKind, drifts, psi
from broker.learning.sources import SourceKey, SourceTally, tally
from tests.unit.learning.lessons import NOW, SIM, lesson, said, silent

ALBA = SourceKey("alba", SIM)
USUAL = {SIM: {"24h": 0.001, "30d": 0.029, "older": 0.97}}


def heard(old: int = 0, fresh: int = 0, missing: int = 0) -> dict[SourceKey, SourceTally]:
    words = [said("older", -0.3)] * old + [said("30d", 1.0)] * fresh + [silent(Unavailability.TIMEOUT)] * missing
    return tally((lesson(word, subject=str(number)) for number, word in enumerate(words)), NOW)


@pytest.mark.parametrize(
    ("before", "lately", "kinds"),
    [
        (heard(970, 30), heard(97, 3), []),
        (heard(970, 30), heard(100), []),
        (heard(970, 30), heard(400), [DriftKind.SAME_FOR_ALL]),
        ({}, heard(400), [DriftKind.SAME_FOR_ALL]),
        (heard(970, 30), heard(missing=30), [DriftKind.SILENT]),
        (heard(970, 30), heard(missing=10), []),
        (heard(missing=100), heard(missing=100), []),
        (heard(970, 30, missing=10), heard(70, 2, missing=28), [DriftKind.MISSING_MORE]),
        (heard(970, 30), heard(80, 20), [DriftKind.SHIFTED]),
        (heard(10, 1), heard(6, 5), []),
    ],
    ids=[
        "as before",
        "a hundred old ones are luck",
        "four hundred old ones are not",
        "from the first day",
        "silent",
        "too few to tell",
        "never answered",
        "answers less",
        "says other things",
        "a handful proves nothing",
    ],
)
def test_drift(
    before: dict[SourceKey, SourceTally], lately: dict[SourceKey, SourceTally], kinds: list[DriftKind]
) -> None:
    assert [one.kind for one in drifts(before, lately, USUAL)] == kinds


def test_a_thousand_answers_about_one_person_prove_nothing() -> None:
    same = tally([lesson(said("older", -0.3))] * 1_000, NOW)
    found = drifts(heard(970, 30), same, USUAL)
    assert DriftKind.SAME_FOR_ALL not in {one.kind for one in found}


def test_the_index_worked_by_hand() -> None:
    found = psi({"a": 50, "b": 50}, {"a": 90, "b": 10})
    p, q = 50.5 / 101, 90.5 / 101
    assert found == pytest.approx((q - p) * math.log(q / p) + ((1 - q) - (1 - p)) * math.log((1 - q) / (1 - p)))


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 500)), st.integers(1, 9))
def test_the_same_shares_have_no_index(counts: dict[str, int], times: int) -> None:
    assert psi(counts, counts) == pytest.approx(0.0)
    assert psi(counts, {state: count * times for state, count in counts.items()}) >= 0.0


def test_a_source_that_nobody_asked_lately_is_not_accused() -> None:
    assert drifts(heard(970, 30), {ALBA: SourceTally()}, USUAL) == []
