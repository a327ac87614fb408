"""What the score adds up: calibration by class, excuses, pairs that fade, coverage, confidence; each by its formula."""

import math

import msgspec
import pytest

from broker.domain.decision import ActionClass, Assessment, Confidence
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy import ages
from broker.policy.evidence_table import EvidenceTable
from broker.policy.grouping import on_grid
from broker.policy.reading import Reader, Reading, joint_weight
from broker.policy.scenarios import BEFORE_BINDING
from broker.policy.score import assess, excuse, pair_shares, probability, trust_of
from tests.unit.policy.kit import NOW, aged, all_classes, assessed, crowded_table, evidence, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
SIM, DEVICE, PLACE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION
POSSESSION, TENURE = SignalName.NUMBER_VERIFICATION, SignalName.KYC_TENURE
INTERCEPTS = {"low": -1.0, "medium": 0.5, "high": 1.5, "critical": 2.0}


def reading(name: SignalName, word: str) -> Reading:
    return Reader(table(), MEDIUM, NOW).all(evidence(**{name.value: word}), ())[name]


def with_wanted(found: Evidence, *wanted: SignalName, under: EvidenceTable | None = None) -> Assessment:
    rules = msgspec.structs.replace(all_classes().rules(MEDIUM), wanted=wanted, required=())
    return assess(under or table(), rules, found, NOW)


def stepped(**steps: float) -> EvidenceTable:
    return msgspec.structs.replace(table(), confidence=table().confidence.model_copy(update=steps))


@pytest.mark.parametrize("action_class", list(ActionClass))
def test_each_class_has_its_own_calibration_and_so_has_its_interval(action_class: ActionClass) -> None:
    calibration = table().calibration.model_copy(update={"intercepts": INTERCEPTS, "slope": 2.0})
    bent = msgspec.structs.replace(table(), calibration=calibration)
    rules, found = all_classes().rules(action_class), evidence(location="inside")
    plain, calibrated = assess(table(), rules, found, NOW), assess(bent, rules, found, NOW)
    intercept = INTERCEPTS[action_class.wire]
    assert calibrated.log_odds == pytest.approx(intercept + 2.0 * plain.log_odds)
    for end in ("low", "high"):
        at = math.log(getattr(plain, end) / (1 - getattr(plain, end)))
        assert getattr(calibrated, end) == pytest.approx(probability(intercept + 2.0 * at))


def test_the_score_has_two_ends() -> None:
    assert (trust_of(-100.0), trust_of(100.0)) == (1000, 0)
    assert (probability(-1000.0), probability(0.0), probability(1000.0)) == (0.0, 0.5, 1.0)


def test_what_is_missing_is_supposed_as_clean_as_a_fresh_clean_answer() -> None:
    missing, clean = assessed(evidence(location="inside")), assessed(evidence(location="inside", sim_swap="400d"))
    assert missing.low == clean.probability


class TestExcuses:
    def test_what_an_excuse_takes_away_is_bounded_with_the_tenure_that_gives_it(self) -> None:
        heavy = msgspec.structs.replace(reading(SIM, "3h"), weight=20.0)
        tenure = on_grid(table().signals[TENURE].weights[-1])
        assert tenure < 0.0
        found = excuse(table(), heavy)
        assert found.weight == 20.0 - (6.0 + tenure)
        assert (found.state, found.points, found.unexcused) == (BEFORE_BINDING, ages.CLEANEST, heavy)

    def test_of_a_pair_either_may_be_the_one_from_before_the_binding(self) -> None:
        late_sim = assessed(evidence(sim_swap="3h", device_swap="5d", kyc_tenure="3d"))
        late_device = assessed(evidence(sim_swap="5d", device_swap="3h", kyc_tenure="3d"))
        states = [{one.signal: one.state for one in found.contributions} for found in (late_sim, late_device)]
        assert [found[SIM] == BEFORE_BINDING for found in states] == [False, True]
        assert [found[DEVICE] == BEFORE_BINDING for found in states] == [True, False]
        assert late_sim.evidence > late_device.evidence > 0.0

    def test_a_change_that_counts_is_never_more_than_it_was_without_the_excuse(self) -> None:
        sim, device = reading(SIM, "5d"), reading(DEVICE, "3h")
        light = msgspec.structs.replace(device, weight=0.5, points=ages.CLEANEST)
        whole = sum(nats for _, nats in pair_shares(table(), excuse(table(), sim), light))
        assert whole == 0.0


@pytest.mark.parametrize("fresh", [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.5, 0.25), (0.0, 0.0)])
@pytest.mark.parametrize(("sim_age", "device_age"), [("400d", "3h"), ("3h", "400d"), ("400d", "400d"), ("3h", "3h")])
def test_a_pair_is_as_bad_as_the_worst_of_what_it_may_have_faded_to(
    sim_age: str, device_age: str, fresh: tuple[float, float]
) -> None:
    sim = msgspec.structs.replace(reading(SIM, sim_age), freshness=fresh[0])
    device = msgspec.structs.replace(reading(DEVICE, device_age), freshness=fresh[1])
    both = joint_weight(table(), sim.points, device.points)
    corners = [
        both,
        fresh[0] * both + (1 - fresh[0]) * device.weight,
        fresh[1] * both + (1 - fresh[1]) * sim.weight,
        fresh[0] * fresh[1] * both + fresh[0] * (1 - fresh[1]) * sim.weight + (1 - fresh[0]) * fresh[1] * device.weight,
    ]
    shares = dict(pair_shares(table(), sim, device))
    assert shares[SIM] == on_grid(sim.aged)
    assert sum(shares.values()) == pytest.approx(max(corners), abs=1e-8)


def test_a_pair_is_discounted_beside_others_of_its_group() -> None:
    pair = evidence(sim_swap="400d", device_swap="3h")
    rules = all_classes().rules(MEDIUM)
    alone = assess(crowded_table(), rules, pair, NOW).evidence
    other = evidence(number_verification="mismatch")
    both = assess(crowded_table(), rules, Evidence.of([*pair.signals, *other.signals]), NOW).evidence
    strong = assess(crowded_table(), rules, other, NOW).evidence
    assert 0.0 < alone < strong
    assert both == pytest.approx(strong + 0.5 * alone, abs=1e-6)


def test_each_contribution_names_the_group_that_it_is_discounted_in() -> None:
    parts = assessed(evidence(sim_swap="unknown_subscriber", number_verification="match")).contributions
    groups = {one.signal: one.group for one in parts}
    assert groups == {SIM: "number", POSSESSION: "possession", PLACE: "place"}


class TestCoverage:
    def test_of_nothing_is_none(self) -> None:
        assert with_wanted(evidence(sim_swap="400d")).coverage == 0.0

    @pytest.mark.parametrize("name", [SIM, DEVICE])
    def test_of_all_is_whole_however_little_it_informs(self, name: SignalName) -> None:
        assert with_wanted(evidence(**{name.value: "400d"}), name).coverage == 1.0

    @pytest.mark.parametrize(
        ("words", "faded"),
        [
            ({"device_swap": "400d"}, True),
            ({"device_swap": "8d"}, False),
            ({"device_swap": "8d", "kyc_tenure": "5d"}, True),
        ],
    )
    def test_fades_with_what_accuses_nobody(self, words: dict[str, str], *, faded: bool) -> None:
        found = with_wanted(aged(evidence(**words), device_swap=250.0), DEVICE)
        assert (found.coverage < 1.0) is faded
        assert {one.signal: one.weight for one in found.contributions}[DEVICE] < 1.0


class TestConfidence:
    FOUND = evidence(sim_swap="3d", location="inside")

    def test_begins_at_its_steps(self) -> None:
        share = with_wanted(evidence(sim_swap="400d"), SIM, PLACE).coverage
        assert 0.0 < share < 1.0
        for steps, expected in (
            ({"high_from": share}, Confidence.HIGH),
            ({"high_from": 1.0, "medium_from": share}, Confidence.MEDIUM),
            ({"high_from": 1.0, "medium_from": share + 1e-9}, Confidence.LOW),
        ):
            found = with_wanted(evidence(sim_swap="400d"), SIM, PLACE, under=stepped(**steps))
            assert found.confidence is expected

    def test_is_halved_by_a_full_conflict(self) -> None:
        found = with_wanted(self.FOUND, SIM, PLACE)
        assert 0.0 < found.conflict < 1.0
        share = found.coverage * (1.0 - found.conflict / 2.0)
        exactly, above = stepped(high_from=share), stepped(high_from=share + 1e-9)
        assert with_wanted(self.FOUND, SIM, PLACE, under=exactly).confidence is Confidence.HIGH
        assert with_wanted(self.FOUND, SIM, PLACE, under=above).confidence is not Confidence.HIGH
