import msgspec
import pytest

from broker.domain.decision import ActionClass, Effect, Outcome, Reason
from broker.domain.signal import SignalName
from broker.policy.reasons import AGENT_REASONS_MAX, ReasonCode, SafeCode, agent_safe
from broker.policy.rules import GateCode
from tests.unit.policy.kit import all_classes, assessed, decided, evidence

LOW, MEDIUM, HIGH, CRITICAL = ActionClass


def codes(effect: Effect, words: dict[str, str], action_class: ActionClass = MEDIUM) -> list[str]:
    reasons = decided(evidence(**words), action_class).reasons
    return [reason.code for reason in reasons if reason.effect is effect]


@pytest.mark.parametrize(
    ("words", "worse"),
    [
        ({"sim_swap": "400d"}, []),
        ({"sim_swap": "3h"}, ["SIM_CHANGED_24H"]),
        ({"sim_swap": "2d"}, ["SIM_CHANGED_7D"]),
        ({"sim_swap": "5d"}, ["SIM_CHANGED_7D"]),
        ({"sim_swap": "8d"}, ["SIM_CHANGED_30D"]),
        ({"sim_swap": "2d", "device_swap": "2d"}, ["SIM_CHANGED_7D", "DEVICE_CHANGED_WITH_SIM"]),
        ({"sim_swap": "400d", "device_swap": "2h"}, ["DEVICE_CHANGED"]),
        ({"sim_swap": "400d", "location": "outside"}, ["LOCATION_MISMATCH"]),
        ({"sim_swap": "400d", "call_forwarding": "active"}, ["LINE_FORWARDED"]),
        ({"sim_swap": "400d", "number_verification": "mismatch"}, ["POSSESSION_MISMATCH"]),
        ({"sim_swap": "timeout"}, ["EVIDENCE_MISSING", "OPERATOR_UNAVAILABLE"]),
        ({"sim_swap": "not_permitted"}, ["EVIDENCE_MISSING", "NOT_CONSENTED"]),
        ({"sim_swap": "unsupported"}, ["EVIDENCE_MISSING"]),
        ({"sim_swap": "unknown_subscriber"}, ["UNKNOWN_NUMBER", "EVIDENCE_MISSING"]),
    ],
)
def test_worse_reasons_name_what_weighed(words: dict[str, str], worse: list[str]) -> None:
    assert codes(Effect.WORSE, words) == worse


def test_a_window_too_short_to_exclude_a_change_does_not_claim_one() -> None:
    found = codes(Effect.WORSE, {"sim_swap": ">4h", "number_verification": "match"}, HIGH)
    assert "SIM_CHANGED_24H" not in found
    assert "EVIDENCE_MISSING" in found


def test_a_range_claims_no_more_than_its_older_end() -> None:
    assert codes(Effect.WORSE, {"sim_swap": "<10d"}) == ["SIM_CHANGED_30D"]
    assert codes(Effect.WORSE, {"sim_swap": "<7d"}) == ["SIM_CHANGED_7D"]


def test_three_weeks_are_no_long_standing_line() -> None:
    assert codes(Effect.BETTER, {"sim_swap": "20d"}) == []
    assert codes(Effect.BETTER, {"sim_swap": "400d"}) == ["LONG_STANDING_LINE"]


def test_where_no_single_signal_is_principal_the_largest_is_named() -> None:
    dear = msgspec.structs.replace(all_classes().rules(MEDIUM), prior=0.005)
    document = msgspec.structs.replace(all_classes(), classes={MEDIUM: dear})
    decision = decided(evidence(sim_swap="12d"), MEDIUM, document)
    assert decision.outcome is Outcome.STEP_UP
    assert decision.reasons == (Reason("SIM_CHANGED_30D", Effect.WORSE),)


def test_the_heaviest_comes_first_after_the_gates() -> None:
    found = codes(Effect.WORSE, {"sim_swap": "4d", "location": "outside", "number_verification": "mismatch"})
    assert found == ["POSSESSION_MISMATCH", "LOCATION_MISMATCH", "SIM_CHANGED_7D"]


def test_reassuring_facts_are_marked_better() -> None:
    words = {"sim_swap": "400d", "number_verification": "match", "location": "inside"}
    assert codes(Effect.BETTER, words) == ["LOCATION_CONFIRMED", "POSSESSION_CONFIRMED", "LONG_STANDING_LINE"]


def test_an_action_that_asks_for_more_whatever_the_line_says_so() -> None:
    words = {"sim_swap": "400d", "device_swap": "400d", "number_verification": "match", "location": "inside"}
    assert codes(Effect.WORSE, words, HIGH) == ["ACTION_SENSITIVE"]


def test_evidence_against_itself_is_a_reason() -> None:
    assert "EVIDENCE_CONFLICT" in codes(Effect.WORSE, {"sim_swap": "10d", "location": "inside"})


def test_without_its_top_reason_the_evidence_weighs_less() -> None:
    words = {"sim_swap": "4d", "location": "outside", "call_forwarding": "active"}
    full = assessed(evidence(**words))
    top = max(full.contributions, key=lambda one: one.nats).signal
    less = assessed(evidence(**{name: word for name, word in words.items() if name != top.value}))
    assert top is SignalName.LOCATION
    assert less.evidence < full.evidence


class TestAgentSafe:
    def test_every_code_has_a_decided_fate(self) -> None:
        for code in ReasonCode:
            safe = agent_safe((Reason(code.value, Effect.WORSE),))
            assert len(safe) <= 1
            assert {reason.code for reason in safe} <= set(SafeCode)

    def test_every_gate_is_a_reason(self) -> None:
        assert {code.value for code in GateCode} <= {code.value for code in ReasonCode}

    def test_does_not_tell_which_fact_fired(self) -> None:
        seen = {
            agent_safe(decided(evidence(**words), MEDIUM).reasons)
            for words in (
                {"sim_swap": "2d"},
                {"sim_swap": "5d"},
                {"sim_swap": "2d", "device_swap": "2d"},
                {"sim_swap": "2d", "number_verification": "match"},
            )
        }
        assert seen == {(Reason("LINE_RISK", Effect.WORSE),)}

    def test_reassuring_facts_stay_inside(self) -> None:
        reasons = decided(evidence(sim_swap="400d", location="inside"), MEDIUM).reasons
        assert reasons
        assert agent_safe(reasons) == ()

    def test_at_most_four_each_once_in_order(self) -> None:
        everything = tuple(Reason(code.value, Effect.WORSE) for code in ReasonCode)
        safe = [reason.code for reason in agent_safe(everything)]
        assert len(safe) == len(set(safe)) == AGENT_REASONS_MAX
        assert safe[0] == "LINE_RISK"

    @pytest.mark.parametrize("action_class", list(ActionClass))
    def test_what_is_not_allowed_has_a_reason_for_agents_too(self, action_class: ActionClass) -> None:
        for words in ({}, {"sim_swap": "3h"}, {"sim_swap": "400d"}, {"location": "outside"}):
            decision = decided(evidence(**words), action_class)
            assert decision.outcome is Outcome.ALLOW or agent_safe(decision.reasons)
