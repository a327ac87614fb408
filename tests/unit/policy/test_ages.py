import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, SignalName
from broker.policy import ages
from broker.policy.scenarios import AGE_STATES
from tests.unit.policy.kit import DAY, HOUR, assessed, evidence, observed, table

SIM = table().signals[SignalName.SIM_SWAP]


@pytest.mark.parametrize(
    ("age_s", "state"),
    [
        (0, "24h"),
        (DAY, "24h"),
        (DAY + 1, "3d"),
        (3 * DAY, "3d"),
        (7 * DAY, "7d"),
        (14 * DAY, "14d"),
        (30 * DAY, "30d"),
        (30 * DAY + 1, "older"),
        (1e12, "older"),
    ],
)
def test_bins_end_with_their_upper_edge(age_s: float, state: str) -> None:
    assert AGE_STATES[ages.bin_of(age_s)] == state


@pytest.mark.parametrize(("knot_s", "weight"), list(zip(ages.KNOTS_S, SIM.weights, strict=True)))
def test_the_curve_goes_through_the_mid_points_of_the_bins(knot_s: float, weight: float) -> None:
    assert ages.on_curve(SIM.weights, math.log(knot_s)) == pytest.approx(weight)


def test_between_mid_points_the_curve_is_linear_in_log_time() -> None:
    middle = (ages.KNOTS[0] + ages.KNOTS[1]) / 2
    assert ages.on_curve(SIM.weights, middle) == pytest.approx((SIM.weights[0] + SIM.weights[1]) / 2)


@given(st.floats(0, 400 * DAY), st.floats(0, 400 * DAY), st.sampled_from([ActionClass.LOW, ActionClass.CRITICAL]))
@settings(max_examples=300, deadline=None)
def test_one_second_of_age_moves_the_score_by_two_points_at_most(
    sim_s: float, device_s: float, action_class: ActionClass
) -> None:
    def score(sim: float, device: float) -> int:
        return assessed(
            Evidence.of(
                [
                    observed(SignalName.SIM_SWAP, AgeRange(sim, sim)),
                    observed(SignalName.DEVICE_SWAP, AgeRange(device, device)),
                ]
            ),
            action_class,
        ).trust_score

    assert abs(score(sim_s + 1, device_s) - score(sim_s, device_s)) <= 2
    assert abs(score(sim_s, device_s + 1) - score(sim_s, device_s)) <= 2


class TestRanges:
    LEGITIMATE = SIM.legitimate

    def weight(self, low_s: float, high_s: float | None) -> float:
        points = ages.expected(AgeRange(low_s, high_s), 0.0, self.LEGITIMATE)
        return math.log(sum(share * math.exp(ages.on_curve(SIM.weights, x)) for share, x in points))

    def test_high_and_critical_take_the_younger_end(self) -> None:
        assert ages.worst(AgeRange(0.0, 10 * DAY), 0.0) == ages.worst(AgeRange(0.0, 0.0), 0.0)
        assert ages.worst(AgeRange(10 * DAY, None), 0.0) == ages.worst(AgeRange(10 * DAY, 10 * DAY), 0.0)

    def test_the_event_grows_older_with_the_clock(self) -> None:
        assert ages.worst(AgeRange(HOUR, HOUR), 9 * HOUR) == ages.worst(AgeRange(10 * HOUR, 10 * HOUR), 0.0)

    def test_a_date_is_read_as_itself(self) -> None:
        assert self.weight(5 * DAY, 5 * DAY) == pytest.approx(ages.on_curve(SIM.weights, math.log(5 * DAY)))

    def test_within_ten_days_lies_between_the_date_now_and_the_date_then(self) -> None:
        # The scenario table itself gives ln(P(within ten days | attack) / P(... | legitimate)), about +3.0.
        assert self.weight(0.0, 10 * DAY) == pytest.approx(3.0, abs=0.2)

    def test_not_within_ten_days_is_nearly_as_good_as_long_ago(self) -> None:
        assert self.weight(10 * DAY, None) == pytest.approx(SIM.weights[-1], abs=0.05)

    def test_a_range_beyond_every_bin_is_as_old_as_can_be(self) -> None:
        assert self.weight(20_000 * DAY, None) == pytest.approx(SIM.weights[-1])

    @given(st.floats(0, 100 * DAY), st.floats(0, 100 * DAY), st.floats(0, 1), st.floats(0, 1), st.booleans())
    @settings(max_examples=300, deadline=None)
    def test_a_younger_end_is_never_better(
        self, low: float, width: float, shrink_low: float, shrink_high: float, open_end: bool
    ) -> None:
        high = None if open_end else low + width
        younger_low = low * shrink_low
        younger_high = None if high is None else younger_low + (high - younger_low) * shrink_high
        assert self.weight(younger_low, younger_high) >= self.weight(low, high) - 1e-9

    @given(st.floats(0, 100 * DAY), st.floats(0, 100 * DAY))
    @settings(max_examples=200, deadline=None)
    def test_the_expected_end_is_never_worse_than_the_worst(self, low: float, width: float) -> None:
        assert self.weight(low, low + width) <= ages.on_curve(SIM.weights, math.log(max(low, 1.0))) + 1e-9


@pytest.mark.parametrize(
    "value",
    [
        AgeRange(-1.0, 5.0),
        AgeRange(math.nan, None),
        AgeRange(0.0, math.nan),
        AgeRange(0.0, math.inf),
        AgeRange(math.inf, None),
        AgeRange(10.0, 5.0),
    ],
)
def test_absurd_ages_are_refused(value: AgeRange) -> None:
    with pytest.raises(ValueError, match="age"):
        assessed(Evidence.of([observed(SignalName.SIM_SWAP, value)]))


def test_the_pair_table_is_read_at_both_ages() -> None:
    both = assessed(evidence(sim_swap="400d", device_swap="6h"))
    assert both.evidence == pytest.approx(table().pair[-1][0], abs=1e-6)
