import pytest

from broker.policy.compare import Ruled
from broker.policy.compare import compare as compare_ruled
from broker.policy.compared import Difference, Direction
from broker.policy.document import PolicyDocument
from tests.unit.policy.kit import CONFIG, shipped, table

PAYMENT = (CONFIG / "policies" / "payment.yaml").read_text("utf-8")
TOOLS = (CONFIG / "policies" / "tool-call.yaml").read_text("utf-8")


def compare(old: PolicyDocument, new: PolicyDocument) -> Difference:
    return compare_ruled(Ruled(old, table()), Ruled(new, table()))


def changed(text: str, old: str, new: str) -> PolicyDocument:
    assert old in text
    return PolicyDocument.read(text.replace(old, new, 1), source="new.yaml")


LOOSER = [
    pytest.param("SIM_CHANGED_24H: {medium: deny}", "SIM_CHANGED_24H: {medium: review}", id="gate"),
    pytest.param("value <= 50.0", "value <= 60.0", id="boundary"),
    pytest.param("value <= 1000.0", "value <= 1000.01", id="boundary by a cent"),
    pytest.param(
        'currency == "EUR" && action.amount.value > 50', 'currency == "CHF" && action.amount.value > 50', id="EUR"
    ),
    pytest.param("prior: 0.002", "prior: 0.001", id="prior"),
    pytest.param("value_at_risk: 5", "value_at_risk: 2", id="value"),
    pytest.param("step_up_friction: 0.004", "step_up_friction: 0.008", id="friction"),
    pytest.param("weak_step_up_stops: 0.3", "weak_step_up_stops: 0.6", id="weak step-up"),
    pytest.param(
        "[network_auth, operator_token, tenant_factor, operator_prompt, sms_otp]",
        "[network_auth, tenant_factor, sms_otp, voice_call]",
        id="method",
    ),
    pytest.param(
        "purposes: [FraudPreventionAndDetection]", "purposes: [FraudPreventionAndDetection, Other]", id="purpose"
    ),
    pytest.param("purposes: [FraudPreventionAndDetection]\n", "", id="any purpose"),
    pytest.param("    required: [[sim_swap]]", "    required: [[sim_swap, location]]", id="alternative"),
    pytest.param("required: [[sim_swap]]\n", "required: [[sim_swap]]\n    max_age_s: 600\n", id="older answers"),
    pytest.param("actions:\n", "actions:\n  payment.other: {default: low}\n", id="another action"),
    pytest.param("(!has(action.attributes.newPayee) ||", "(true ||", id="an attribute that counts no more"),
]


@pytest.mark.parametrize(("old", "new"), LOOSER)
def test_what_loosens_needs_a_second_person_and_its_opposite_does_not(old: str, new: str) -> None:
    before, after = shipped()["payment"], changed(PAYMENT, old, new)
    found = compare(before, after)
    assert found.direction is Direction.LOOSER
    assert found.needs_second_person
    back = compare(after, before)
    assert Direction.STRICTER in {change.direction for change in back.changes}


STRICTER = [
    pytest.param(
        "POSSESSION_MISMATCH: {low: deny}", "POSSESSION_MISMATCH: {low: deny}\n  LINE_FORWARDED: {low: deny}", id="gate"
    ),
    pytest.param("prior: 0.005", "prior: 0.006", id="prior"),
    pytest.param("insult: 0.05", "insult: 0.02", id="insult"),
    pytest.param(
        "operator_token, tenant_factor, operator_prompt, sms_otp]",
        "operator_token, tenant_factor, operator_prompt]",
        id="method",
    ),
    pytest.param("required: [[sim_swap]]\n", "required: [[sim_swap], [location]]\n", id="one more requirement"),
    pytest.param("required: [[sim_swap]]\n", "required: [[sim_swap]]\n    fail_mode: review\n", id="fail mode"),
    pytest.param("version: 1\n", "version: 1\nsignals: {location: {countries: [ES]}}\n", id="country"),
]


@pytest.mark.parametrize(("old", "new"), STRICTER)
def test_what_only_tightens_needs_nobody_else(old: str, new: str) -> None:
    if "fail_mode" in new:  # and in the higher class, or the order of classes would refuse it
        text = PAYMENT.replace("device_swap]]\n", "device_swap]]\n    fail_mode: review\n", 1)
        found = compare(shipped()["payment"], changed(text, old, new))
    else:
        found = compare(shipped()["payment"], changed(PAYMENT, old, new))
    assert found.direction is Direction.STRICTER, found.changes
    assert not found.needs_second_person


def test_comments_examples_and_order_change_nothing() -> None:
    text = PAYMENT.replace("# Payments that", "# Transfers that").replace(
        "wanted: [sim_swap, number_verification, location, number_recycling]",
        "wanted: [number_recycling, location, number_verification, sim_swap]",
    )
    found = compare(shipped()["payment"], PolicyDocument.read(text, source="new.yaml"))
    assert (found.direction, found.changes) == (Direction.NEUTRAL, ())


def test_asking_less_is_looser_and_asking_more_is_told_for_the_persons_sake() -> None:
    less = changed(
        PAYMENT,
        "wanted: [sim_swap, number_verification, location, number_recycling]",
        "wanted: [sim_swap, location, number_recycling]",
    )
    assert compare(shipped()["payment"], less).direction is Direction.LOOSER
    back = compare(less, shipped()["payment"])
    assert "classes.medium.wanted" in {change.where for change in back.changes if change.direction is Direction.NEUTRAL}


def test_a_condition_rewritten_without_a_visible_effect_is_unclear_and_not_trusted() -> None:
    found = compare(
        shipped()["tool-call"],
        changed(TOOLS, 'when: action.attributes.effect == "read"', "when: 'action.attributes.effect in [\"read\"]'"),
    )
    assert found.direction is Direction.UNCLEAR
    assert found.needs_second_person


def test_a_looser_decision_is_told_with_the_evidence_that_shows_it() -> None:
    after = changed(PAYMENT, "SIM_CHANGED_24H: {medium: deny}", "SIM_CHANGED_24H: {medium: review}")
    found = compare(shipped()["payment"], after)
    witness = next(change for change in found.changes if change.where == "decisions.medium")
    assert witness.detail.startswith("deny -> review with ")
    assert "sim_swap 10h" in witness.detail


def test_a_document_is_never_looser_than_itself() -> None:
    for document in shipped().values():
        assert compare(document, document).direction is Direction.NEUTRAL
