"""Platt's map against samples whose truth is known; seeds are fixed, so every figure here is the same each time."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.decision import ActionClass
from broker.policy.beliefs import own_table
from broker.policy.calibrate import POSITIVES_MIN, SLOPE_MIN, Labelled, Platt, fit, written
from broker.policy.document import PolicyDocument
from broker.policy.yaml_text import YamlText
from tests.unit.policy.kit import ALL_CLASSES, TABLE_TEXT, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass


def sample(count: int, *, shift: float, scale: float, mean: float = -3.0, seed: int = 7) -> list[Labelled]:
    """Labels whose true log-odds are ``shift + scale * score``."""
    source = random.Random(seed)
    scores = [source.gauss(mean, 1.5) for _ in range(count)]
    return [Labelled(score, source.random() < 1 / (1 + math.exp(-(shift + scale * score)))) for score in scores]


def test_without_labels_nothing_is_calibrated() -> None:
    assert fit({}) == {}
    assert fit({HIGH: []}) == {HIGH: Platt(0.0, 1.0, 0)}
    assert not fit({HIGH: []})[HIGH].calibrated


def test_nineteen_frauds_are_not_enough_and_twenty_are() -> None:
    for positives, enough in ((POSITIVES_MIN - 1, False), (POSITIVES_MIN, True)):
        labels = [Labelled(-1.0, fraud=True)] * positives + [Labelled(-3.0, fraud=False)] * 500
        found = fit({HIGH: labels})[HIGH]
        assert found.calibrated is enough
        assert (found.intercept, found.slope) != (0.0, 1.0) or not enough


@pytest.mark.parametrize(("shift", "scale"), [(0.8, 1.3), (-0.8, 0.8), (1.1, 1.0)])
def test_a_score_that_is_out_of_scale_is_put_right(shift: float, scale: float) -> None:
    found = fit({HIGH: sample(20_000, shift=shift, scale=scale)})[HIGH]
    assert found.intercept == pytest.approx(shift, abs=0.15)
    assert found.slope == pytest.approx(scale, abs=0.06)


def test_a_score_that_is_right_is_left_alone() -> None:
    found = fit({HIGH: sample(20_000, shift=0.0, scale=1.0)})[HIGH]
    assert found.intercept == pytest.approx(0.0, abs=0.1)
    assert found.slope == pytest.approx(1.0, abs=0.05)


def test_few_labels_move_it_less_than_many() -> None:
    few, many = (fit({HIGH: sample(count, shift=1.5, scale=1.0)})[HIGH] for count in (150, 10_000))
    assert few.calibrated
    assert 0.0 < few.intercept < many.intercept


def test_expected_frauds_become_those_observed() -> None:
    labels = sample(15_000, shift=1.1, scale=1.0)
    found = fit({MEDIUM: labels})[MEDIUM]
    expected = sum(1 / (1 + math.exp(-found(one.log_odds))) for one in labels)
    assert 0.95 < sum(one.fraud for one in labels) / expected < 1.05


def test_classes_share_the_slope_and_have_their_own_intercept() -> None:
    found = fit(
        {
            MEDIUM: sample(12_000, shift=0.5, scale=1.2),
            HIGH: sample(12_000, shift=-0.7, scale=1.2, seed=8),
            CRITICAL: [Labelled(0.0, fraud=True)] * 3,
        }
    )
    assert found[MEDIUM].slope == found[HIGH].slope == pytest.approx(1.2, abs=0.08)
    assert found[MEDIUM].intercept > 0.3 > -0.4 > found[HIGH].intercept
    assert found[CRITICAL] == Platt(0.0, 1.0, 3)


def test_a_score_that_points_the_wrong_way_never_turns_the_order_round() -> None:
    found = fit({HIGH: sample(8_000, shift=-3.0, scale=-1.0)})[HIGH]
    assert found.slope == SLOPE_MIN


def test_what_was_fitted_can_be_put_in_force() -> None:
    """As it is printed: under ``evidence`` of a document, read with the deployment's table."""
    found = fit({MEDIUM: sample(3_000, shift=0.5, scale=1.1), HIGH: sample(3_000, shift=0.6, scale=1.1, seed=8)})
    entry = written(found, "213 frauds")
    assert entry is not None
    text = ALL_CLASSES + entry
    document = PolicyDocument.read(text, source="fitted.yaml")
    calibration = own_table(document, table(), TABLE_TEXT, YamlText(text, "fitted.yaml")).calibration
    for one in (MEDIUM, HIGH):
        intercept, slope, fitted = calibration.of(one)
        assert (intercept, slope) == pytest.approx((found[one].intercept, found[one].slope), abs=1e-4)
        assert fitted
    assert not calibration.of(CRITICAL).calibrated
    assert written({HIGH: Platt(0.0, 1.0, 3)}, "3 frauds") is None


@pytest.mark.parametrize(
    "bad", [Labelled(math.nan, fraud=True), Labelled(math.inf, fraud=False), Labelled(0.0, fraud=True, weight=2.0)]
)
def test_nonsense_is_refused(bad: Labelled) -> None:
    with pytest.raises(ValueError, match="finite"):
        fit({HIGH: [bad]})


labels = st.lists(st.builds(Labelled, st.floats(-40, 40), st.booleans(), st.floats(0, 1)), min_size=1, max_size=60)


@given(st.dictionaries(st.sampled_from(ActionClass), labels, min_size=1))
@settings(max_examples=100, deadline=None)
def test_whatever_the_labels_the_map_rises_and_is_finite(found: dict[ActionClass, list[Labelled]]) -> None:
    for one in fit(found).values():
        assert math.isfinite(one.intercept)
        assert one.slope >= SLOPE_MIN or one.slope == 1.0
