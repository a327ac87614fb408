import itertools
import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.check import Action, Amount
from broker.domain.decision import ActionClass, Outcome, TrustBand, Verdict
from broker.domain.signal import SignalName, Unavailability
from broker.policy.costs import cheapest, expected_costs, stepwise
from broker.policy.decide import band_of, decide, decide_in_brief
from broker.policy.facts import Facts
from broker.policy.gist import Gist
from broker.policy.rules import ClassRules, Costs
from broker.policy.score import assess
from tests.unit.policy.kit import NOW, all_classes, decided, decided_for, evidence, shipped, sim_bound, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
ALLOW, STEP_UP, REVIEW, DENY = Outcome
TRUSTED, SUSPICIOUS, UNKNOWN = Verdict

CLEAN = {
    "sim_swap": "400d",
    "device_swap": "400d",
    "number_verification": "match",
    "location": "inside",
    "call_forwarding": "inactive",
}


def payment(euros: str, *, new_payee: bool = False) -> Action:
    return Action("payment.transfer", Amount(Decimal(euros), "EUR"), None, {"newPayee": new_payee})


SITUATIONS = [
    pytest.param(payment("950"), {"sim_swap": "400d", "location": "inside"}, MEDIUM, ALLOW, TRUSTED, id="steady"),
    pytest.param(payment("950"), {"sim_swap": "3h", "location": "inside"}, MEDIUM, DENY, SUSPICIOUS, id="swapped 3 h"),
    pytest.param(payment("20"), {"sim_swap": "3d"}, LOW, ALLOW, SUSPICIOUS, id="swapped 3 d, small"),
    pytest.param(
        payment("950"),
        {"sim_swap": "3d", "location": "inside"},
        MEDIUM,
        STEP_UP,
        SUSPICIOUS,
        id="swapped 3 d",
    ),
    pytest.param(
        payment("950"), {"sim_swap": "400d", "location": "outside"}, MEDIUM, STEP_UP, SUSPICIOUS, id="elsewhere"
    ),
    pytest.param(
        payment("950", new_payee=True),
        {"sim_swap": "400d", "location": "outside", "device_swap": "unsupported"},
        HIGH,
        REVIEW,
        SUSPICIOUS,
        id="elsewhere, new payee",
    ),
    pytest.param(payment("950"), dict.fromkeys(CLEAN, "timeout"), MEDIUM, STEP_UP, UNKNOWN, id="operator down"),
    pytest.param(payment("5000"), dict.fromkeys(CLEAN, "operator_error"), HIGH, STEP_UP, UNKNOWN, id="down, large"),
    pytest.param(
        Action("sim.order"),
        dict.fromkeys(CLEAN, "breaker_open"),
        CRITICAL,
        REVIEW,
        UNKNOWN,
        id="down, SIM",
    ),
    pytest.param(
        payment("950", new_payee=True),
        {"sim_swap": "unknown_subscriber"},
        HIGH,
        REVIEW,
        UNKNOWN,
        id="number of nobody",
    ),
]


@pytest.mark.parametrize(("action", "words", "action_class", "outcome", "verdict"), SITUATIONS)
def test_the_situations_of_the_demo(
    action: Action, words: dict[str, str], action_class: ActionClass, outcome: Outcome, verdict: Verdict
) -> None:
    found_class, decision = decided_for(action, evidence(**words))
    assert (found_class, decision.outcome, decision.verdict) == (action_class, outcome, verdict)


class TestCosts:
    """Section 7."""

    @pytest.mark.parametrize(("value", "percent"), [(0.2, 2.6), (1.0, 0.53), (5.0, 0.11), (25.0, 0.02)])
    def test_step_up_begins_to_pay_where_the_reference_says(self, value: float, percent: float) -> None:
        rules = msgspec.structs.replace(all_classes().rules(LOW), value_at_risk=value)
        costs = rules.costs
        break_even = (costs.step_up + costs.step_up_friction) / (costs.step_up_stops * value + costs.step_up_friction)
        assert break_even * 100 == pytest.approx(percent, rel=0.1)
        assert cheapest(rules, break_even * 0.999, weak_step_up=False) is ALLOW
        assert cheapest(rules, break_even * 1.001, weak_step_up=False) > ALLOW

    def test_the_four_formulas(self) -> None:
        costs = expected_costs(all_classes().rules(MEDIUM), 0.1)
        assert costs.by_name() == pytest.approx(
            {
                "allow": 0.1,
                "step_up": 0.0005 + 0.1 * 0.15 + 0.9 * 0.004,
                "review": 0.02 + 0.1 * 0.05 + 0.9 * 0.01,
                "deny": 0.9 * 0.05,
            }
        )

    def test_equal_costs_go_to_the_stricter(self) -> None:
        free = msgspec.structs.replace(all_classes().rules(LOW), costs=Costs(0, 0, 0, 0, 0, 0, 0, 0))
        assert cheapest(free, 0.0, weak_step_up=False) is DENY

    def test_a_weak_step_up_never_makes_allow_attractive(self) -> None:
        rules = all_classes().rules(MEDIUM)
        assert expected_costs(rules, 0.008, weak_step_up=True).cheapest is ALLOW
        assert cheapest(rules, 0.008, weak_step_up=True) is STEP_UP

    @given(
        st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted),
        st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted),
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 100), st.floats(1, 10)),
        st.booleans(),
    )
    @settings(max_examples=300, deadline=None)
    def test_never_looser_as_fraud_grows_likelier_or_dearer(
        self, stops: list[float], frictions: list[float], rest: tuple[float, float, float, float], weak: bool
    ) -> None:
        step_up, review, value, dearer = rest
        costs = Costs(step_up, stops[1], stops[0], frictions[0], review, stops[2], frictions[1], frictions[2])
        rules: ClassRules = msgspec.structs.replace(all_classes().rules(LOW), costs=costs, value_at_risk=value)
        more = msgspec.structs.replace(rules, value_at_risk=value * dearer)
        path = [cheapest(rules, step / 97, weak_step_up=weak) for step in range(98)]
        assert path == sorted(path)
        assert all(cheapest(more, step / 97, weak_step_up=weak) >= path[step] for step in range(98))

    @pytest.mark.parametrize(
        ("now", "at_worst", "expected"),
        [
            (ALLOW, ALLOW, ALLOW),
            (ALLOW, DENY, STEP_UP),
            (STEP_UP, DENY, REVIEW),
            (REVIEW, DENY, DENY),
            (DENY, DENY, DENY),
        ],
    )
    def test_the_interval_tightens_by_one_step_at_most(
        self, now: Outcome, at_worst: Outcome, expected: Outcome
    ) -> None:
        assert stepwise(now, at_worst) is expected


class TestGates:
    @pytest.mark.parametrize(
        ("words", "code", "floors"),
        [
            ({"number_verification": "mismatch"}, "POSSESSION_MISMATCH", (STEP_UP, STEP_UP, STEP_UP, STEP_UP)),
            ({"sim_swap": "20h"}, "SIM_CHANGED_24H", (ALLOW, ALLOW, STEP_UP, REVIEW)),
            ({"sim_swap": "24h"}, "SIM_CHANGED_24H", (ALLOW, ALLOW, STEP_UP, REVIEW)),
            ({"sim_swap": "unknown_subscriber"}, "UNKNOWN_NUMBER", (ALLOW, ALLOW, REVIEW, REVIEW)),
            ({"call_forwarding": "active"}, "LINE_FORWARDED", (ALLOW, ALLOW, ALLOW, ALLOW)),
            ({"sim_swap": "3h", "location": "outside"}, "EVIDENCE_CONFLICT", (STEP_UP, STEP_UP, STEP_UP, STEP_UP)),
        ],
    )
    def test_fire_and_hold_their_floor_in_every_class(
        self, words: dict[str, str], code: str, floors: tuple[Outcome, ...]
    ) -> None:
        for action_class, floor in zip(ActionClass, floors, strict=True):
            decision = decided(evidence(**{**CLEAN, **words}), action_class)
            assert code in decision.gates
            assert code in {reason.code for reason in decision.reasons}
            assert decision.outcome >= floor

    @pytest.mark.parametrize(
        ("sim", "fires"),
        [
            ("25h", (False, False, False, False)),
            ("<24h", (True, True, True, True)),
            ("<10d", (False, False, True, True)),  # could be a day, and for high and critical what could be counts
            (">4h", (False, False, False, False)),  # says what did not happen; the score weighs what that leaves open
            ("timeout", (False, False, False, False)),
        ],
    )
    def test_a_sim_change_must_be_known_to_fire(self, sim: str, fires: tuple[bool, ...]) -> None:
        words = evidence(**{**CLEAN, "sim_swap": sim})
        assert tuple("SIM_CHANGED_24H" in decided(words, one).gates for one in ActionClass) == fires

    def test_hiding_the_match_does_not_lift_the_conflict(self) -> None:
        words = {"sim_swap": "3h", "location": "outside"}
        seen = decided(evidence(**CLEAN | words), LOW, sim_bound())
        hidden = decided(evidence(**CLEAN | words | {"number_verification": "not_permitted"}), LOW, sim_bound())
        assert seen.outcome is hidden.outcome is DENY

    @pytest.mark.parametrize("policy", ["payment", "credential", "sim-order"])
    def test_where_money_credentials_or_sims_move_a_mismatch_is_denied(self, policy: str) -> None:
        document = shipped()[policy]
        for action_class in document.classes:
            decision = decided(evidence(**CLEAN | {"number_verification": "mismatch"}), action_class, document)
            assert decision.outcome is DENY

    def test_critical_is_never_allowed_on_network_data_alone(self) -> None:
        assert decided(evidence(**CLEAN), CRITICAL).outcome is STEP_UP
        # Not even where a tenant's figures would make it the cheapest.
        tiny = msgspec.structs.replace(all_classes().rules(CRITICAL), prior=1e-6, value_at_risk=0.01)
        document = msgspec.structs.replace(all_classes(), classes={CRITICAL: tiny})
        decision = decided(evidence(**CLEAN), CRITICAL, document)
        assert min(decision.expected_costs, key=decision.expected_costs.__getitem__) == "allow"
        assert decision.outcome is STEP_UP


class TestFloors:
    """Sections 6 and 7, and the failure matrix."""

    @pytest.mark.parametrize(
        ("words", "outcomes"),
        [
            ({}, (ALLOW, ALLOW, STEP_UP, STEP_UP)),
            ({"sim_swap": "timeout"}, (ALLOW, STEP_UP, STEP_UP, REVIEW)),
            ({"sim_swap": "not_permitted"}, (ALLOW, STEP_UP, STEP_UP, REVIEW)),
            ({"sim_swap": "malformed"}, (ALLOW, STEP_UP, STEP_UP, REVIEW)),
            ({"sim_swap": "unsupported"}, (ALLOW, ALLOW, STEP_UP, REVIEW)),
            ({"number_verification": "late"}, (ALLOW, ALLOW, STEP_UP, REVIEW)),
            ({"number_verification": "late", "device_swap": "late"}, (ALLOW, ALLOW, STEP_UP, REVIEW)),
            ({"location": "skipped"}, (ALLOW, ALLOW, STEP_UP, STEP_UP)),
            ({"location": "skipped", "call_forwarding": "skipped"}, (ALLOW, ALLOW, STEP_UP, REVIEW)),
        ],
    )
    def test_missing_required_evidence_has_a_floor(self, words: dict[str, str], outcomes: tuple[Outcome, ...]) -> None:
        found = tuple(decided(evidence(**{**CLEAN, **words}), one).outcome for one in ActionClass)
        assert found == outcomes

    def test_unsupported_softens_low_and_medium_only(self) -> None:
        words = evidence(**CLEAN | {"sim_swap": "unsupported"})
        for action_class, outcome in ((MEDIUM, STEP_UP), (HIGH, REVIEW)):
            raised = msgspec.structs.replace(all_classes().rules(action_class), missing_floor=REVIEW)
            document = msgspec.structs.replace(all_classes(), classes={action_class: raised})
            assert decided(words, action_class, document).outcome is outcome

    @pytest.mark.parametrize("reason", list(Unavailability))
    def test_without_any_answer_nothing_is_allowed(self, reason: Unavailability) -> None:
        for action_class in ActionClass:
            assert decided(evidence(**dict.fromkeys(CLEAN, reason.value)), action_class).outcome >= STEP_UP

    def test_empty_is_never_trust(self) -> None:
        for action_class in ActionClass:
            decision = decided(evidence(), action_class)
            assert decision.outcome >= STEP_UP
            assert decision.verdict is UNKNOWN

    def test_an_uncertain_high_action_goes_one_step_further(self) -> None:
        words = {"sim_swap": "400d", "location": "outside"}
        uncertain = decided(evidence(**words), HIGH)
        certain = decided(evidence(**words, number_verification="match"), HIGH)
        assert (certain.outcome, uncertain.outcome) == (STEP_UP, REVIEW)
        assert "EVIDENCE_MISSING" in uncertain.gates


class TestMethods:
    ALL = ("network_auth", "tenant_factor", "sms_otp", "voice_call")

    @pytest.mark.parametrize(
        ("words", "action_class", "withheld"),
        [
            ({}, MEDIUM, ()),
            ({"sim_swap": "3d"}, MEDIUM, ("sms_otp", "voice_call")),
            ({"device_swap": "3d"}, MEDIUM, ("sms_otp", "voice_call")),
            ({"sim_swap": "3h"}, MEDIUM, ("network_auth", "sms_otp", "voice_call")),
            ({"call_forwarding": "active"}, MEDIUM, ("voice_call",)),
            ({"number_verification": "mismatch"}, MEDIUM, ("sms_otp", "voice_call")),
            ({"sim_swap": "timeout"}, MEDIUM, ()),
            ({"sim_swap": "timeout"}, HIGH, ("sms_otp", "voice_call")),
        ],
    )
    def test_a_line_in_doubt_takes_its_methods_with_it(
        self, words: dict[str, str], action_class: ActionClass, withheld: tuple[str, ...]
    ) -> None:
        decision = decided(evidence(**{**CLEAN, **words}), action_class)
        assert decision.methods_withheld == withheld
        assert decision.methods_offered == tuple(method for method in self.ALL if method not in withheld)

    def test_a_step_up_without_a_safe_method_is_a_review(self) -> None:
        decision = decided(evidence(**{**CLEAN, "sim_swap": "2d", "location": "partial"}), MEDIUM, sim_bound())
        assert decision.outcome is REVIEW
        assert decision.methods_offered == ()
        assert "POLICY_FLOOR" in decision.gates


class TestVerdict:
    @pytest.mark.parametrize(
        ("words", "verdict"),
        [
            ({"sim_swap": "400d"}, TRUSTED),
            ({"sim_swap": "400d", "location": "inside"}, TRUSTED),
            ({"sim_swap": "timeout"}, UNKNOWN),
            ({"sim_swap": "timeout", "location": "inside"}, UNKNOWN),
            ({"sim_swap": "unsupported", "location": "inside"}, UNKNOWN),
            ({"sim_swap": "unknown_subscriber"}, UNKNOWN),
            ({"sim_swap": "400d", "device_swap": "3h"}, UNKNOWN),  # an upgrade: neither clean nor an accusation
            ({"sim_swap": "400d", "location": "outside"}, SUSPICIOUS),
            ({"sim_swap": "3d", "location": "inside"}, SUSPICIOUS),
            ({"sim_swap": "400d", "number_verification": "mismatch"}, SUSPICIOUS),
        ],
    )
    def test_says_what_the_evidence_says(self, words: dict[str, str], verdict: Verdict) -> None:
        assert decided(evidence(**words), MEDIUM).verdict is verdict

    @pytest.mark.parametrize(
        ("score", "band"),
        [
            (0, TrustBand.VERY_LOW),
            (199, TrustBand.VERY_LOW),
            (200, TrustBand.LOW),
            (599, TrustBand.MEDIUM),
            (600, TrustBand.HIGH),
            (799, TrustBand.HIGH),
            (800, TrustBand.VERY_HIGH),
            (1000, TrustBand.VERY_HIGH),
        ],
    )
    def test_bands_are_fifths(self, score: int, band: TrustBand) -> None:
        assert band_of(score) is band

    @pytest.mark.parametrize(
        ("reason", "degraded"),
        [
            (Unavailability.TIMEOUT, True),
            (Unavailability.OPERATOR_ERROR, True),
            (Unavailability.MALFORMED, True),
            (Unavailability.BREAKER_OPEN, True),
            (Unavailability.LATE, True),
            (Unavailability.UNSUPPORTED, False),
            (Unavailability.NOT_PERMITTED, False),
            (Unavailability.NOT_APPLICABLE, False),
            (Unavailability.UNKNOWN_SUBSCRIBER, False),
            (Unavailability.SKIPPED, False),
        ],
    )
    def test_degraded_means_that_an_operator_failed_us(self, reason: Unavailability, degraded: bool) -> None:
        wanted = evidence(sim_swap="400d", location=reason.value)
        assert decided(wanted, MEDIUM).degraded is degraded
        assert decided(wanted, LOW).degraded is False  # low does not want the location


def test_the_expected_costs_are_those_of_the_class() -> None:
    decision = decided(evidence(sim_swap="400d"), MEDIUM)
    assert list(decision.expected_costs) == [outcome.wire for outcome in Outcome]


def test_every_state_of_every_signal_can_be_decided() -> None:
    words = {
        SignalName.SIM_SWAP: ("3h", "<10d", ">10d", "timeout"),
        SignalName.DEVICE_SWAP: ("3h", "400d", "unsupported"),
        SignalName.NUMBER_VERIFICATION: ("match", "mismatch", "not_applicable"),
        SignalName.LOCATION: ("inside", "partial", "outside", "unknown_subscriber"),
        SignalName.CALL_FORWARDING: ("active", "inactive", "late"),
    }
    for states in itertools.product(*words.values()):
        decision = decided(evidence(**dict(zip([name.value for name in words], states, strict=True))), CRITICAL)
        assert decision.outcome > ALLOW


class TestInBrief:
    """What is decided by a gist: the lines that suspicion and the interval draw."""

    @pytest.mark.parametrize(("said", "suspicious"), [(math.log(2.0), False), (math.log(2.0) + 1e-9, True)])
    def test_evidence_that_doubles_the_odds_is_where_suspicion_begins(self, said: float, *, suspicious: bool) -> None:
        rules = all_classes().rules(LOW)
        facts = Facts.of(evidence(sim_swap="400d"), rules)
        gist = Gist(probability=0.001, high=0.001, said=said, line_in_doubt=False)
        assert decide_in_brief(gist, facts, rules, all_classes()).suspicious is suspicious

    @pytest.mark.parametrize(("action_class", "outcome"), [(LOW, ALLOW), (MEDIUM, ALLOW), (HIGH, STEP_UP)])
    def test_what_might_still_come_tightens_from_high_on(self, action_class: ActionClass, outcome: Outcome) -> None:
        rules = all_classes().rules(action_class)
        facts = Facts.of(evidence(**CLEAN), rules)
        gist = Gist(probability=1e-6, high=0.5, said=-1.0, line_in_doubt=False)
        assert decide_in_brief(gist, facts, rules, all_classes()).outcome is outcome

    def test_what_might_still_come_and_changes_nothing_is_no_reason(self) -> None:
        rules = all_classes().rules(HIGH)
        clean = evidence(**CLEAN)
        assessment = assess(table(), rules, clean, NOW)
        wider = msgspec.structs.replace(assessment, high=assessment.probability * 1.0001)
        assert decide(wider, clean, rules, all_classes()).gates == decide(assessment, clean, rules, all_classes()).gates
        assert decide(wider, clean, rules, all_classes()).gates == ()

    @pytest.mark.parametrize(
        ("words", "suspicious"),
        [
            ({"number_verification": "mismatch"}, True),
            ({"sim_swap": "3h"}, True),
            ({"number_recycling": "recycled"}, True),
            ({"sim_swap": "3h", "location": "outside", "number_verification": "match"}, True),
            ({"call_forwarding": "active"}, False),
            ({"sim_swap": "unknown_subscriber"}, False),
        ],
    )
    def test_which_gates_are_suspicious_whatever_the_evidence_weighs(
        self, words: dict[str, str], *, suspicious: bool
    ) -> None:
        rules = all_classes().rules(LOW)
        gist = Gist(probability=0.001, high=0.001, said=-1.0, line_in_doubt=False)
        facts = Facts.of(evidence(**words), rules)
        assert decide_in_brief(gist, facts, rules, all_classes()).suspicious is suspicious
