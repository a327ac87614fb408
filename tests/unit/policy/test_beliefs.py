"""What a policy believes itself: entries of its own in place of the deployment's, checked like any table."""

import re

import pytest
import yaml

from broker.domain.decision import ActionClass
from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy.beliefs import own_table
from broker.policy.compare import Ruled, compare
from broker.policy.compared import Direction
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.score import assess
from broker.policy.yaml_text import YamlText
from tests.unit.policy.kit import ALL_CLASSES, CONFIG, NOW, TABLE_TEXT, all_classes, evidence, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
EXAMPLE = (CONFIG / "evidence" / "examples" / "own-beliefs.yaml").read_text("utf-8")
SOURCES = "sources: {ours: our own cases}"


def believing(*entries: str) -> str:
    """A document with these entries under ``evidence``."""
    return ALL_CLASSES + "".join(["evidence:\n", *(f"  {one}\n" for one in (SOURCES, *entries))])


def ruled(text: str) -> Ruled:
    document = PolicyDocument.read(text, source="own.yaml")
    return Ruled(document, own_table(document, table(), TABLE_TEXT, YamlText(text, "own.yaml")))


def test_without_beliefs_of_its_own_a_document_has_the_deployments_table() -> None:
    assert own_table(all_classes(), table(), TABLE_TEXT) is table()


def test_what_is_given_counts_and_the_rest_stays() -> None:
    found = ruled(believing("missing: {unlocatable: {weight: 0.4, source: ours}}")).table
    assert (found.unlocatable, found.unknown_subscriber) == (0.4, table().unknown_subscriber)
    assert found.signals == table().signals


def test_a_belief_about_an_attack_moves_the_weights_that_follow_from_it() -> None:
    attack = yaml.safe_load(TABLE_TEXT)["scenarios"]["attack"]
    names = [name for name in attack if "call_forwarding" in attack[name].get("signals", {})]
    others = [name for name in attack if name not in names]
    shares = {names[0]: attack[names[0]]["share"] + 0.05, others[0]: attack[others[0]]["share"] - 0.05}
    entries = ", ".join(f"{name}: {{share: {share:.2f}, source: ours}}" for name, share in shares.items())
    found = ruled(believing(f"scenarios: {{attack: {{{entries}}}}}")).table
    assert found.weight(SignalName.CALL_FORWARDING, "active") > table().weight(SignalName.CALL_FORWARDING, "active")
    assert found.is_monotone()


def test_the_example_beside_the_table_can_be_used() -> None:
    found = ruled(ALL_CLASSES + EXAMPLE)
    assert found.table.calibration.of(HIGH) == (-0.2, 0.9, True)
    assert found.table.calibration.of(CRITICAL) == (-0.2, 0.9, False)


FAULTS = [
    pytest.param("caps: {total_high: 7.0}", "evidence.caps", "needs a source of its own", id="no source"),
    pytest.param("caps: {total_high: 7.0, source: theirs}", "evidence.caps.source", "neither a key", id="whose source"),
    pytest.param(
        "caps: {total_higher: 7.0, source: ours}", "evidence.caps.total_higher", "not permitted", id="unknown"
    ),
    pytest.param("caps: {total_high: -1, source: ours}", "evidence.caps.total_high", "greater than 0", id="sign"),
    pytest.param("version: 2", "evidence.version", "deployment's", id="identity"),
    pytest.param(
        "scenarios: {attack: {deceived_victim: {share: 0.5, source: ours}}}", "evidence.scenarios", "", id="sum"
    ),
    pytest.param(
        "missing: {unlocatable: {weight: -0.4, source: ours}}", "evidence.missing", "greater than or equal", id="helps"
    ),
    pytest.param(
        "calibration: {calibrated: true, intercepts: {medium: 3.0, high: 0.0}, source: ours}",
        "evidence.calibration",
        "less risky for high than for medium",
        id="crossed",
    ),
    pytest.param(
        "calibration: {calibrated: true, slope: 0.0, source: ours}", "evidence.calibration", "greater than", id="flat"
    ),
]


@pytest.mark.parametrize(("entry", "key", "detail"), FAULTS)
def test_a_fault_names_the_line_of_the_document(entry: str, key: str, detail: str) -> None:
    text = believing(entry)
    with pytest.raises(Misconfigured, match=re.escape(key)) as refused:
        ruled(text)
    assert detail in str(refused.value)
    line = text.splitlines().index(f"  {entry}") + 1
    assert f"own.yaml, line {line}, " in str(refused.value)


def test_a_disorder_that_is_refused_is_refused_here_too() -> None:
    """Weights follow from many entries, so the message leads to all that the document has."""
    text = believing("background: {number_verification: {mix: {mismatch: 0.9, match: 0.1}, source: ours}}")
    with pytest.raises(Misconfigured, match=r"own\.yaml, line \d+, .* better evidence"):
        ruled(text)


def test_each_class_has_its_own_map_and_says_whether_outcomes_are_behind_it() -> None:
    fitted = "calibration: {calibrated: true, slope: 0.8, intercepts: {medium: -0.5, high: -0.4}, source: ours}"
    found = ruled(believing(fitted))
    seen = evidence(sim_swap="2d", location="outside")
    for one, intercept, slope in ((LOW, -0.5, 0.8), (MEDIUM, -0.5, 0.8), (HIGH, -0.4, 0.8), (CRITICAL, -0.4, 0.8)):
        rules = found.document.rules(one)
        before, after = (assess(each, rules, seen, NOW) for each in (table(), found.table))
        assert after.log_odds == pytest.approx(intercept + slope * before.log_odds)
        assert after.evidence == before.evidence
        assert found.table.calibration.of(one).calibrated is (one in {MEDIUM, HIGH})


COMPARED = [
    pytest.param("missing: {unlocatable: {weight: 0.4, source: ours}}", Direction.STRICTER, id="more for silence"),
    pytest.param("missing: {unlocatable: {weight: 0.1, source: ours}}", Direction.LOOSER, id="less for silence"),
    pytest.param("caps: {total_low: 2.6, source: ours}", Direction.LOOSER, id="more for clean evidence"),
    pytest.param("caps: {total_high: 8.5, source: ours}", Direction.STRICTER, id="more for bad evidence"),
    pytest.param("caps: {signal_high: 4.5, source: ours}", Direction.LOOSER, id="less for one bad answer"),
    pytest.param("freshness: {tau_s: {high: 3600}, source: ours}", Direction.LOOSER, id="fresh for longer"),
    pytest.param("freshness: {fix_fresh_s: 300, source: ours}", Direction.STRICTER, id="an older fix"),
    pytest.param("identity: {high_from: 80, source: ours}", Direction.LOOSER, id="alike sooner"),
    pytest.param("groups: {place: {discount: 0.4, source: ours}}", Direction.UNCLEAR, id="discount"),
    pytest.param("calibration: {intercept: 0.2, source: ours}", Direction.STRICTER, id="higher map"),
    pytest.param("calibration: {slope: 0.9, source: ours}", Direction.LOOSER, id="flatter map"),
    pytest.param(
        "calibration: {calibrated: true, intercepts: {low: 0.0, critical: 0.3}, source: ours}",
        Direction.STRICTER,
        id="one class",
    ),
    pytest.param("confidence: {medium_from: 0.3, source: ours}", Direction.NEUTRAL, id="only told"),
]


@pytest.mark.parametrize(("entry", "direction"), COMPARED)
def test_whatever_lets_evidence_weigh_less_needs_a_second_person(entry: str, direction: Direction) -> None:
    found = compare(ruled(ALL_CLASSES), ruled(believing(entry)))
    assert found.direction is direction, found.changes
    assert found.needs_second_person is (direction in {Direction.LOOSER, Direction.UNCLEAR})


def test_a_change_of_one_belief_tells_of_each_weight_and_of_decisions() -> None:
    found = compare(ruled(ALL_CLASSES), ruled(believing("caps: {signal_high: 2.0, pair_high: 2.0, source: ours}")))
    places = {change.where for change in found.changes}
    assert "evidence.signals.sim_swap.24h" in places
    assert any(place.startswith("decisions.") for place in places)


def test_the_same_text_gives_the_same_table_to_the_last_bit() -> None:
    first, again = (ruled(ALL_CLASSES + EXAMPLE).table for _ in range(2))
    assert first == again
    assert isinstance(first, EvidenceTable)
