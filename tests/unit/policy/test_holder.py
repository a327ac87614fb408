"""What is known about who holds a line: recycling, tenure, claims, and what a young line means."""

from datetime import timedelta

import pytest

from broker.domain.decision import ActionClass, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    IdentityMatch,
    SignalName,
    Tenure,
)
from broker.policy.facts import Facts, lacking
from broker.policy.scenarios import BEFORE_BINDING
from broker.policy.score import MOVE_MAX
from broker.policy.telling import WINDOWS_S
from tests.unit.policy.kit import DAY, HOUR, NOW, all_classes, assessed, decided, evidence, observed, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
SIM, TENURE, CLAIMS = SignalName.SIM_SWAP, SignalName.KYC_TENURE, SignalName.KYC_MATCH


def states(found: Evidence, action_class: ActionClass = MEDIUM) -> dict[str, str]:
    return {one.signal.value: one.state for one in assessed(found, action_class).contributions}


def tenure(days: float, *, continuous: bool) -> Tenure:
    return Tenure((NOW - timedelta(days=days)).date(), continuous=continuous)


def alone(name: SignalName, value: object, action_class: ActionClass = MEDIUM) -> float:
    return assessed(Evidence.of([observed(name, value)]), action_class).evidence  # type: ignore[arg-type]


class TestTenure:
    @pytest.mark.parametrize("action_class", list(ActionClass))
    @pytest.mark.parametrize("days", [1, 20, 200, 4000])
    def test_a_confirmation_never_weighs_against_anybody(self, days: float, action_class: ActionClass) -> None:
        assert -0.1 < alone(TENURE, tenure(days, continuous=True), action_class) <= 0.0

    def test_a_line_that_is_young_for_certain_weighs_as_published(self) -> None:
        assert alone(TENURE, tenure(20, continuous=False)) == pytest.approx(1.0, abs=0.05)

    def test_not_for_ten_years_may_be_nine(self) -> None:
        assert alone(TENURE, tenure(3650, continuous=False)) == pytest.approx(0.0, abs=0.05)

    @pytest.mark.parametrize("action_class", [HIGH, CRITICAL])
    def test_where_it_matters_a_broken_tenure_is_read_at_its_worst(self, action_class: ActionClass) -> None:
        assert alone(TENURE, tenure(3650, continuous=False), action_class) == pytest.approx(1.0, abs=0.05)


class TestClaims:
    @pytest.mark.parametrize(
        ("compared", "state"),
        [
            ([("name", "agrees", None)], "high"),
            ([("name", "agrees", None), ("birthdate", "differs", None)], "low"),
            ([("name", "differs", 84)], "mid"),
            ([("name", "differs", 85)], "high"),
            ([("name", "differs", 60)], "mid"),
            ([("name", "differs", 59)], "low"),
            ([("name", "agrees", None), ("address", "differs", 5)], "high"),
            ([("name", "agrees", None), ("birthdate", "not_on_file", None)], "high"),
            ([("idDocument", "differs", None)], "low"),
            ([("address", "agrees", None)], "nothing_compared"),
        ],
    )
    def test_the_least_alike_of_what_counts(self, compared: list[tuple[str, str, int | None]], state: str) -> None:
        value = IdentityMatch(tuple(AttributeMatch(name, Confirmation(how), score) for name, how, score in compared))
        assert states(Evidence.of([observed(CLAIMS, value)]))["kyc_match"] == state

    def test_an_answer_that_compared_nothing_is_no_answer(self) -> None:
        value = IdentityMatch((AttributeMatch("address", Confirmation.AGREES),))
        assert alone(CLAIMS, value) == 0.0


class TestYoungLines:
    """Magic numbers of the pretend operator: 000117 is a day old, 000119 another's, 000129 ported in."""

    def test_a_subscription_bound_when_it_began_is_no_takeover(self) -> None:
        line = evidence(sim_swap="2d", device_swap="2d", kyc_tenure="2d")
        assert states(line)["sim_swap"] == states(line)["device_swap"] == BEFORE_BINDING
        assert assessed(line).evidence < 0.0
        assert decided(line, MEDIUM).reasons == ()

    @pytest.mark.parametrize(
        "words",
        [
            {"sim_swap": "2d", "kyc_tenure": "5d"},
            {"sim_swap": "2d", "kyc_tenure": "<2d"},
            {"sim_swap": "2d", "number_recycling": "same"},
        ],
        ids=["changed after the binding", "holder not confirmed", "nobody was asked"],
    )
    def test_any_other_young_sim_weighs_as_before(self, words: dict[str, str]) -> None:
        found = {one.signal: one.weight for one in assessed(evidence(**words)).contributions}
        assert found[SIM] == pytest.approx(assessed(evidence(sim_swap="2d")).evidence)

    def test_an_excuse_is_no_credit_and_takes_none_away(self) -> None:
        weights = {
            age: {one.signal: one.weight for one in assessed(evidence(sim_swap=age, kyc_tenure="2d")).contributions}
            for age in ("2d", "400d")
        }
        assert weights["2d"][SIM] == 0.0
        assert weights["400d"][SIM] == table().weight(SIM, "older") < 0.0

    def test_a_new_handset_beside_an_excused_sim_is_an_upgrade(self) -> None:
        (excused, old) = (
            assessed(evidence(sim_swap=age, device_swap="3h", kyc_tenure="2d")).evidence for age in ("2d", "400d")
        )
        assert excused == old > 0.0

    @pytest.mark.parametrize("other", [{}, {"number_recycling": "same"}, {"call_forwarding": "active"}])
    def test_an_excuse_and_the_tenure_that_gives_it_move_no_more_than_one_signal_may(
        self, other: dict[str, str]
    ) -> None:
        line = {"sim_swap": "3h", "device_swap": "3h"} | other
        moved = assessed(evidence(**line)).evidence - assessed(evidence(**line, kyc_tenure="0d")).evidence
        assert 4.0 < moved <= MOVE_MAX

    def test_critical_actions_are_excused_nothing(self) -> None:
        line = evidence(sim_swap="2d", kyc_tenure="2d")
        assert states(line, CRITICAL)["sim_swap"] == "3d"

    def test_the_day_of_cooling_off_holds_for_new_subscriptions_too(self) -> None:
        assert "SIM_CHANGED_24H" in decided(evidence(sim_swap="3h", kyc_tenure="0d"), HIGH).gates

    def test_a_number_of_somebody_else_is_for_a_human_and_its_line_proves_nothing(self) -> None:
        decision = decided(evidence(sim_swap="400d", number_recycling="recycled"), LOW)
        assert decision.outcome >= Outcome.REVIEW
        assert decision.gates == ("NUMBER_RECYCLED",)
        assert set(decision.methods_offered) <= {"tenant_factor"}

    def test_a_port_weighs_as_any_change_and_is_called_what_it_is(self) -> None:
        ported = evidence(sim_swap="5d", number_recycling="same", kyc_tenure="<400d")
        codes = [reason.code for reason in decided(ported, MEDIUM).reasons]
        assert "PORTED_IN" in codes
        assert "SIM_CHANGED_7D" not in codes
        changed = {one.signal: one.weight for one in assessed(ported).contributions}
        assert changed[SIM] == assessed(evidence(sim_swap="5d")).contributions[-1].weight

    def test_a_young_line_and_a_wrong_birthday_have_reasons(self) -> None:
        codes = [
            reason.code
            for reason in decided(evidence(sim_swap="400d", kyc_tenure="<9d", kyc_match="low"), HIGH).reasons
        ]
        assert {"NEW_SUBSCRIPTION", "IDENTITY_MISMATCH"} <= set(codes)


class TestTellingAnswers:
    @pytest.mark.parametrize("action_class", [MEDIUM, HIGH, CRITICAL])
    def test_an_operator_that_looks_back_too_short_satisfies_no_requirement(self, action_class: ActionClass) -> None:
        window_s = WINDOWS_S[action_class][SIM]
        rules = all_classes().rules(action_class)
        short, enough = (Evidence.of([observed(SIM, AgeRange(age_s, None))]) for age_s in (window_s - 1, window_s))
        assert (SIM,) in lacking(Facts.of(short, rules), rules)
        assert (SIM,) not in lacking(Facts.of(enough, rules), rules)
        assert "EVIDENCE_MISSING" in decided(short, action_class).gates

    @pytest.mark.parametrize(("action_class", "floor"), [(MEDIUM, Outcome.STEP_UP), (CRITICAL, Outcome.REVIEW)])
    def test_a_minute_is_never_enough(self, action_class: ActionClass, floor: Outcome) -> None:
        nothing = Evidence.of([observed(SIM, AgeRange(60.0, None)), *evidence(location="inside").signals])
        assert decided(nothing, action_class).outcome >= floor

    def test_a_known_change_in_the_window_does_no_better_than_one_that_might_have_been(self) -> None:
        words = {"number_verification": "match", "location": "inside", "call_forwarding": "inactive"}
        for age_s in (2.9 * DAY, 2 * DAY, HOUR):
            open_end, known = (
                Evidence.of([observed(SIM, value), *evidence(**words).signals])
                for value in (AgeRange(age_s, None), AgeRange(age_s, age_s))
            )
            assert decided(known, MEDIUM).outcome >= decided(open_end, MEDIUM).outcome
