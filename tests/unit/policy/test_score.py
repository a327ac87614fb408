import math
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.decision import ActionClass, Confidence
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    Flag,
    Match,
    Overlap,
    Presence,
    SignalName,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy.grouping import Item, on_grid, shared_out
from broker.policy.reading import NO_LOCATION_GIVEN
from broker.policy.scenarios import STATES
from broker.policy.score import assess, probability
from tests.unit.policy.kit import DAY, HOUR, NOW, aged, all_classes, assessed, crowded_table, evidence, observed, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
SIM, DEVICE, PLACE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION
POSSESSION, FORWARDING = SignalName.NUMBER_VERIFICATION, SignalName.CALL_FORWARDING


def nats(words: Evidence, action_class: ActionClass = MEDIUM) -> float:
    return assessed(words, action_class).evidence


class TestScale:
    """Section 5: 500 points at 5 %, 50 points to double the odds; the trust score runs the other way."""

    @pytest.mark.parametrize(
        ("risk_points", "percent"),
        [(200, 0.08), (300, 0.33), (400, 1.3), (500, 5), (600, 17), (700, 46), (800, 77), (900, 93)],
    )
    def test_points_are_where_the_reference_puts_them(self, risk_points: int, percent: float) -> None:
        share = probability((risk_points - 712.4) / 72.135)
        assert share * 100 == pytest.approx(percent, rel=0.04)

    def test_the_trust_score_is_a_thousand_minus_the_points(self) -> None:
        found = assessed(evidence(sim_swap="400d"))
        assert found.trust_score == 1000 - round(712.4 + 72.135 * found.log_odds)

    def test_the_prior_is_the_classs_and_the_log_odds_add_up(self) -> None:
        found = assessed(evidence(sim_swap="3h"), HIGH)
        assert found.prior_log_odds == pytest.approx(math.log(0.005 / 0.995))
        assert found.log_odds == pytest.approx(found.prior_log_odds + found.evidence)
        assert found.probability == pytest.approx(1 / (1 + math.exp(-found.log_odds)))

    def test_a_calibration_bends_the_log_odds(self) -> None:
        bent = msgspec.structs.replace(
            table(), calibration=table().calibration.model_copy(update={"intercept": 0.5, "slope": 2.0})
        )
        plain = assessed(evidence(sim_swap="3h"))
        found = assess(bent, all_classes().rules(MEDIUM), evidence(sim_swap="3h"), NOW)
        assert found.log_odds == pytest.approx(0.5 + 2 * plain.log_odds)


class TestSignals:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ({"sim_swap": "3h"}, 4.95),
            ({"sim_swap": "400d"}, -0.27),
            ({"device_swap": "3h"}, 4.36),
            ({"sim_swap": "3h", "device_swap": "3h"}, 6.0),
            ({"sim_swap": "400d", "device_swap": "3h"}, 0.61),
            ({"number_verification": "mismatch"}, 4.27),
            ({"number_verification": "match"}, -0.33),
            ({"location": "outside"}, 2.59),
            ({"location": "partial"}, 0.63),
            ({"location": "inside"}, -0.51),
            ({"call_forwarding": "active"}, 2.41),
            ({"call_forwarding": "inactive"}, -0.11),
            ({"sim_swap": "400d", "location": "outside"}, 2.32),
        ],
    )
    def test_weigh_what_the_table_says(self, words: dict[str, str], expected: float) -> None:
        assert nats(evidence(**words)) == pytest.approx(expected, abs=0.01)

    def test_everything_clean_is_weak_and_everything_adverse_is_capped(self) -> None:
        clean = evidence(
            sim_swap="400d",
            device_swap="400d",
            number_verification="match",
            location="inside",
            call_forwarding="inactive",
        )
        worst = evidence(
            sim_swap="1h",
            device_swap="1h",
            number_verification="mismatch",
            location="outside",
            call_forwarding="active",
        )
        assert nats(clean) == pytest.approx(-1.23, abs=0.01)
        assert nats(worst) == 8.0

    @pytest.mark.parametrize("reason", list(Unavailability))
    @pytest.mark.parametrize("name", list(STATES))
    def test_absence_weighs_what_it_may(self, name: SignalName, reason: Unavailability) -> None:
        found = assessed(Evidence.of([Unavailable(name, reason)]))
        expected = 0.2 if name is PLACE and reason is Unavailability.NOT_APPLICABLE else 0.0
        assert found.evidence == pytest.approx(expected, abs=1e-6)
        assert found.contributions[[one.signal for one in found.contributions].index(name)].state == reason.value

    def test_a_place_that_nobody_asked_about_weighs_nothing(self) -> None:
        assert nats(Evidence.of([Unavailable(PLACE, Unavailability.NOT_APPLICABLE, NO_LOCATION_GIVEN)])) == 0.0

    def test_nobody_has_this_number_is_one_fact_however_often_it_is_said(self) -> None:
        words = dict.fromkeys(("sim_swap", "device_swap", "number_verification", "location"), "unknown_subscriber")
        assert assess(crowded_table(), all_classes().rules(MEDIUM), evidence(**words), NOW).evidence == 1.0


class TestRanges:
    SOMETIME = observed(SIM, AgeRange(0.0, 10 * DAY))

    def test_high_and_critical_take_the_worst_end_others_the_expected(self) -> None:
        found = [nats(Evidence.of([self.SOMETIME]), action_class) for action_class in ActionClass]
        assert found == pytest.approx([2.91, 2.91, 4.95, 4.95], abs=0.2)

    def test_not_within_ten_days_leaves_high_with_ten_days(self) -> None:
        answer = Evidence.of([observed(SIM, AgeRange(10 * DAY, None))])
        assert nats(answer, HIGH) == nats(evidence(sim_swap="10d"), HIGH)
        assert nats(answer, MEDIUM) < 0.0

    @pytest.mark.parametrize(
        ("fix_age_s", "high", "medium"),
        [(None, -0.51, -0.51), (900.0, -0.51, -0.51), (1350.0, 0.06, -0.51), (1800.0, 0.63, -0.51), (9e9, 0.63, -0.51)],
    )
    def test_an_old_fix_counts_as_partial_at_best_for_high(
        self, fix_age_s: float | None, high: float, medium: float
    ) -> None:
        answer = Evidence.of([observed(PLACE, Presence(Overlap.INSIDE, None, fix_age_s))])
        assert nats(answer, HIGH) == pytest.approx(high, abs=0.01)
        assert nats(answer, MEDIUM) == pytest.approx(medium, abs=0.01)

    def test_an_old_fix_never_improves_a_place_outside(self) -> None:
        assert nats(Evidence.of([observed(PLACE, Presence(Overlap.OUTSIDE, None, 9e9))]), HIGH) == pytest.approx(
            2.59, abs=0.01
        )


class TestAgeing:
    """Section 6: clean answers fade by e^(-age/tau), adverse ones do not."""

    @pytest.mark.parametrize(("action_class", "tau_s"), [(LOW, 21600), (MEDIUM, 21600), (HIGH, 1800), (CRITICAL, 1800)])
    def test_a_clean_answer_fades_with_its_class(self, action_class: ActionClass, tau_s: float) -> None:
        fresh = evidence(number_verification="match")
        old = aged(fresh, number_verification=tau_s)
        assert nats(old, action_class) == pytest.approx(nats(fresh, action_class) / math.e, abs=1e-6)

    def test_an_adverse_answer_does_not_fade(self) -> None:
        fresh = evidence(number_verification="mismatch")
        assert nats(aged(fresh, number_verification=DAY), HIGH) == nats(fresh, HIGH)

    def test_the_age_of_an_event_grows_with_the_clock(self) -> None:
        later = aged(evidence(sim_swap="1d"), sim_swap=DAY)
        assert nats(later, HIGH) == nats(evidence(sim_swap="2d"), HIGH)

    def test_a_clean_partner_that_has_faded_counts_as_unknown(self) -> None:
        pair = evidence(sim_swap="400d", device_swap="3h")
        alone = nats(evidence(device_swap="3h"), HIGH)
        assert nats(aged(pair, sim_swap=30 * DAY), HIGH) == pytest.approx(alone, abs=1e-6)
        assert nats(pair, HIGH) < nats(aged(pair, sim_swap=900.0), HIGH) < alone

    def test_an_answer_from_the_near_future_is_simply_fresh(self) -> None:
        early = assessed(aged(evidence(sim_swap="400d"), sim_swap=-500.0), LOW)
        assert early.evidence == nats(evidence(sim_swap="400d"), LOW)
        assert early.coverage == 1.0


class TestCoverage:
    def test_is_the_share_of_wanted_information(self) -> None:
        information = {name: table().signals[name].information for name in STATES}
        wanted = information[SIM] + information[PLACE]
        assert assessed(evidence(sim_swap="400d")).coverage == pytest.approx(information[SIM] / wanted)
        assert assessed(evidence(sim_swap="400d", location="inside")).coverage == 1.0

    @pytest.mark.parametrize(
        ("words", "coverage"),
        [
            ({}, 0.0),
            ({"sim_swap": "timeout"}, 0.0),
            ({"sim_swap": "unsupported"}, 0.0),
            ({"sim_swap": "unknown_subscriber"}, 1.0),
            ({"sim_swap": "3h"}, 1.0),
        ],
    )
    def test_absent_is_not_covered_and_nobody_is_an_answer(self, words: dict[str, str], coverage: float) -> None:
        assert assessed(evidence(**words), LOW).coverage == coverage

    def test_a_faded_clean_answer_covers_in_part_and_an_adverse_one_in_full(self) -> None:
        assert assessed(aged(evidence(sim_swap="400d"), sim_swap=21600.0), LOW).coverage == pytest.approx(1 / math.e)
        assert assessed(aged(evidence(sim_swap="3h"), sim_swap=HOUR), LOW).coverage == 1.0

    @pytest.mark.parametrize(
        ("words", "conflict", "confidence"),
        [
            ({"sim_swap": "400d", "location": "inside"}, 0.0, Confidence.HIGH),
            ({"sim_swap": "400d"}, 0.0, Confidence.MEDIUM),
            ({"sim_swap": "timeout"}, 0.0, Confidence.LOW),
            ({"sim_swap": "400d", "location": "partial"}, 0.43, Confidence.HIGH),
            ({"sim_swap": "10d", "location": "inside"}, 0.75, Confidence.MEDIUM),
        ],
    )
    def test_conflict_lowers_confidence(self, words: dict[str, str], conflict: float, confidence: Confidence) -> None:
        found = assessed(evidence(**words))
        assert found.conflict == pytest.approx(conflict, abs=0.02)
        assert found.confidence is confidence


class TestInterval:
    """Section 6: missing required signals at their clean weight, and at their mean weight under attack."""

    def test_nothing_missing_leaves_no_interval(self) -> None:
        found = assessed(evidence(sim_swap="400d"))
        assert found.low == found.probability == found.high

    def test_a_missing_required_signal_opens_it(self) -> None:
        found = assessed(evidence(sim_swap="timeout"))
        assert found.low == assessed(evidence(sim_swap="400d")).probability
        assert found.high == pytest.approx(probability(found.log_odds + table().signals[SIM].under_attack), rel=1e-6)

    def test_a_satisfied_group_does_not_miss_its_other_member(self) -> None:
        found = assessed(evidence(sim_swap="400d", device_swap="400d"), HIGH)
        assert found.low == found.probability == found.high

    def test_a_missing_handset_is_imagined_beside_the_sim(self) -> None:
        found = assessed(evidence(sim_swap="3h", device_swap="timeout", number_verification="timeout"), HIGH)
        clean = evidence(sim_swap="3h", device_swap="400d", number_verification="match")
        assert found.low == assessed(clean, HIGH).probability

    def test_a_number_of_nobody_will_not_come_out_any_other_way(self) -> None:
        found = assessed(evidence(sim_swap="unknown_subscriber", location="inside"))
        assert found.low == found.probability == found.high

    def test_where_nothing_was_seen_a_number_of_nobody_looks_like_any_other(self) -> None:
        nobody, unasked = (assessed(evidence(sim_swap=why)) for why in ("unknown_subscriber", "unsupported"))
        assert (nobody.low, nobody.probability, nobody.high) == (unasked.low, unasked.probability, unasked.high)


class TestContributions:
    def test_sim_carries_its_own_weight_and_the_handset_what_it_adds(self) -> None:
        parts = {one.signal: one for one in assessed(evidence(sim_swap="400d", device_swap="3h")).contributions}
        assert parts[SIM].nats == pytest.approx(-0.27, abs=0.01)
        assert parts[DEVICE].nats == pytest.approx(0.61 + 0.27, abs=0.01)
        assert parts[DEVICE].weight == pytest.approx(4.36, abs=0.01)

    def test_what_the_cap_takes_off_comes_from_the_weakest(self) -> None:
        words = evidence(sim_swap="3h", number_verification="mismatch", location="outside", call_forwarding="active")
        parts = {one.signal: one.nats for one in assessed(words).contributions}
        assert parts[SIM] == pytest.approx(4.95, abs=0.01)
        assert parts[POSSESSION] == pytest.approx(8.0 - 4.95, abs=0.01)
        assert parts[PLACE] == parts[FORWARDING] == 0.0

    def test_the_weakest_is_found_by_weight_and_not_by_name(self) -> None:
        words = evidence(sim_swap="5d", number_verification="mismatch", location="outside", call_forwarding="active")
        parts = {one.signal: one.nats for one in assessed(words).contributions}
        assert parts[SIM] == 0.0
        assert 0.0 < parts[FORWARDING] < 2.41

    def test_every_signal_wanted_or_there_is_shown(self) -> None:
        parts = {one.signal: one.state for one in assessed(evidence(call_forwarding="active")).contributions}
        assert parts == {FORWARDING: "active", PLACE: "not_asked", SIM: "not_asked"}


class TestGrouping:
    NAMES = tuple(STATES)

    def total(self, weights: list[float], discount: float = 0.5, low: float = 100.0, high: float = 100.0) -> float:
        items = [Item.of("g", (name, on_grid(weight))) for name, weight in zip(self.NAMES, weights, strict=False)]
        return sum(shared_out(items, {"g": discount}, total_low=low, total_high=high).values())

    @pytest.mark.parametrize(
        ("weights", "expected"),
        [
            ([], 0.0),
            ([4.0], 4.0),
            ([4.0, 2.0], 5.0),
            ([2.0, 4.0], 5.0),
            ([4.0, 4.0, 4.0, 4.0], 7.5),
            ([-1.0, -0.5], -1.25),
            ([4.0, -1.0], 3.0),
            ([4.0, 2.0, -1.0, -0.5], 3.75),
        ],
    )
    def test_the_strongest_counts_fully_and_each_further_one_half_of_that(
        self, weights: list[float], expected: float
    ) -> None:
        assert self.total(weights) == expected

    @given(st.lists(st.floats(-1, 6), max_size=5), st.floats(0, 1))
    @settings(max_examples=300, deadline=None)
    def test_a_group_is_bounded_by_its_strongest_item(self, weights: list[float], discount: float) -> None:
        top, bottom = max([0.0, *weights]), min([0.0, *weights])
        assert bottom * 5 - 1e-6 <= self.total(weights, discount) <= top * 5 + 1e-6
        if discount < 0.9:
            assert bottom / (1 - discount) - 1e-6 <= self.total(weights, discount) <= top / (1 - discount) + 1e-6

    @pytest.mark.parametrize(("weights", "expected"), [([6.0, 6.0], 5.0), ([-6.0, -6.0], -2.0), ([6.0, -6.0], 0.0)])
    def test_the_total_is_capped_on_both_sides(self, weights: list[float], expected: float) -> None:
        assert self.total(weights, 1.0, low=2.0, high=5.0) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SIM, Match(matched=True)),
        (SIM, AgeRange(math.nan, None)),
        (SIM, AgeRange(-5.0, 5.0)),
        (DEVICE, Flag(active=False)),
        (POSSESSION, AgeRange(5.0, 5.0)),
        (FORWARDING, Match(matched=True)),
        (PLACE, Match(matched=True)),
        (PLACE, Presence(Overlap.PARTIAL, 0)),
        (PLACE, Presence(Overlap.PARTIAL, 100)),
        (PLACE, Presence(Overlap.INSIDE, None, math.nan)),
        (PLACE, Presence(Overlap.INSIDE, None, -1.0)),
    ],
)
def test_values_that_cannot_be_are_refused(name: SignalName, value: Value) -> None:
    with pytest.raises(ValueError, match=r"."):
        assessed(Evidence.of([observed(name, value)]))


def test_instants_need_a_zone() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="zone"):
        assess(table(), all_classes().rules(LOW), evidence(sim_swap="3h"), naive)
    unzoned = msgspec.structs.replace(observed(SIM, AgeRange(0.0, 0.0)), observed_at=naive)
    with pytest.raises(ValueError, match="zone"):
        assessed(Evidence.of([unzoned]))


def test_the_clock_of_another_zone_is_the_same_instant() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    rules = all_classes().rules(HIGH)
    answer = evidence(sim_swap="3d", location="inside")
    assert assess(table(), rules, answer, there) == assess(table(), rules, answer, NOW)
