"""The tables that no document loosens, as they are published: floors, windows, ages, and what each method rests on."""

import pytest

from broker.domain.decision import ActionClass, Outcome
from broker.domain.signal import SignalName, Unavailability
from broker.policy.document import PolicyDocument
from broker.policy.rules import (
    ADVERSE_MAX_AGES_S,
    CLEAN_MAX_AGES_S,
    LINE,
    MAX_AGES_S,
    ON_THE_PHONE_NETWORK,
    ON_THE_SIM,
    OPERATOR_FAILED,
    GateCode,
    StepUpMethod,
)
from tests.unit.policy.kit import ALL_CLASSES, DAY, all_classes, decided, evidence

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
ALLOW, STEP_UP, REVIEW, DENY = Outcome
MINUTE, HOUR = 60.0, 3600.0


@pytest.mark.parametrize(
    ("code", "floors"),
    [
        (GateCode.POSSESSION_MISMATCH, (STEP_UP, STEP_UP, STEP_UP, STEP_UP)),
        (GateCode.SIM_CHANGED_24H, (ALLOW, ALLOW, STEP_UP, REVIEW)),
        (GateCode.LINE_FORWARDED, (ALLOW, ALLOW, ALLOW, ALLOW)),
        (GateCode.EVIDENCE_CONFLICT, (STEP_UP, STEP_UP, STEP_UP, STEP_UP)),
        (GateCode.NUMBER_RECYCLED, (REVIEW, REVIEW, REVIEW, REVIEW)),
        (GateCode.UNKNOWN_NUMBER, (ALLOW, ALLOW, REVIEW, REVIEW)),
    ],
)
def test_each_gate_asks_for_so_much_in_each_class(code: GateCode, floors: tuple[Outcome, ...]) -> None:
    assert tuple(all_classes().rules(one).gate_floors[code] for one in ActionClass) == floors


def test_missing_evidence_asks_for_so_much_in_each_class() -> None:
    text = ALL_CLASSES.replace("wanted: [sim_swap]}", "wanted: [sim_swap], required: [[sim_swap]]}")
    document = PolicyDocument.read(text, source="all-required.yaml")
    assert tuple(document.rules(one).missing_floor for one in ActionClass) == (ALLOW, STEP_UP, STEP_UP, REVIEW)
    seen = evidence(call_forwarding="inactive")
    assert decided(seen, LOW, document).outcome is ALLOW


def test_what_each_method_rests_on() -> None:
    assert {"operator_prompt", "sms_otp", "voice_call"} == ON_THE_PHONE_NETWORK
    assert {"network_auth", "operator_token", "operator_prompt"} == ON_THE_SIM
    assert {StepUpMethod.TENANT_FACTOR} == set(StepUpMethod) - ON_THE_PHONE_NETWORK - ON_THE_SIM
    assert {"sim_swap", "device_swap"} == LINE


def test_how_old_an_answer_may_be() -> None:
    assert dict(MAX_AGES_S) == {LOW: HOUR, MEDIUM: 5 * MINUTE, HIGH: MINUTE, CRITICAL: 0.0}
    assert dict(CLEAN_MAX_AGES_S) == {
        SignalName.NUMBER_VERIFICATION: 0.0,
        SignalName.REACHABILITY: MINUTE,
        SignalName.NETWORK_TYPE: MINUTE,
        SignalName.LOCATION: 5 * MINUTE,
        SignalName.CALL_FORWARDING: 5 * MINUTE,
        SignalName.ROAMING: 10 * MINUTE,
    }
    assert dict(ADVERSE_MAX_AGES_S) == {
        SignalName.SIM_SWAP: DAY,
        SignalName.DEVICE_SWAP: DAY,
        SignalName.CALL_FORWARDING: HOUR,
    }


def test_which_absences_are_an_operators_failure() -> None:
    blameless = {
        Unavailability.UNSUPPORTED,
        Unavailability.NOT_PERMITTED,
        Unavailability.NOT_APPLICABLE,
        Unavailability.UNKNOWN_SUBSCRIBER,
        Unavailability.SKIPPED,
    }
    assert set(Unavailability) - OPERATOR_FAILED == blameless
