"""What each gate asks for by itself; and of whom nothing could be seen, alike decisions whatever the reason."""

import itertools

import msgspec
import pytest

from broker.domain.decision import ActionClass, Decision, Floor, Outcome, TrustBand, Verdict
from broker.domain.evidence import Evidence
from broker.domain.signal import Unavailability, Unavailable
from broker.policy.decide import band_of, decide, decide_in_brief, halted
from broker.policy.document import PolicyDocument
from broker.policy.facts import Facts
from broker.policy.gates import Gate, gates
from broker.policy.gist import Gist
from broker.policy.rules import ON_THE_PHONE_NETWORK, ON_THE_SIM, GateCode, StepUpMethod
from broker.policy.score import assess
from tests.unit.policy.kit import DAY, NOW, aged, all_classes, assessed, decided, evidence, shipped, sim_bound, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
ALLOW, STEP_UP, REVIEW, DENY = Outcome
PHONE, LINE, NONE = ON_THE_PHONE_NETWORK, ON_THE_PHONE_NETWORK | ON_THE_SIM, frozenset[StepUpMethod]()

CLEAN = {
    "sim_swap": "400d",
    "device_swap": "400d",
    "number_verification": "match",
    "location": "inside",
    "call_forwarding": "inactive",
}
SENSITIVE = Gate("ACTION_SENSITIVE", STEP_UP)
MISMATCH = Gate(GateCode.POSSESSION_MISMATCH, STEP_UP, PHONE)
VOICE = frozenset({StepUpMethod.VOICE_CALL})


def missing(floor: Outcome, withholds: frozenset[StepUpMethod] = NONE) -> Gate:
    return Gate("EVIDENCE_MISSING", floor, withholds)


def young(floor: Outcome) -> Gate:
    return Gate(GateCode.SIM_CHANGED_24H, floor, LINE)


def conflict(floor: Outcome) -> Gate:
    return Gate(GateCode.EVIDENCE_CONFLICT, floor)


def nobody(floor: Outcome) -> Gate:
    return Gate(GateCode.UNKNOWN_NUMBER, floor, PHONE)


FIRED: list[tuple[dict[str, str], ActionClass, tuple[Gate, ...]]] = [
    ({}, LOW, ()),
    ({}, HIGH, ()),
    ({}, CRITICAL, (SENSITIVE,)),
    ({"number_verification": "mismatch"}, LOW, (MISMATCH,)),
    ({"number_verification": "mismatch"}, CRITICAL, (MISMATCH, SENSITIVE)),
    ({"sim_swap": "3h"}, LOW, (young(ALLOW),)),
    ({"sim_swap": "3h"}, MEDIUM, (young(ALLOW),)),
    ({"sim_swap": "3h"}, HIGH, (young(STEP_UP),)),
    ({"sim_swap": "3h"}, CRITICAL, (young(REVIEW), SENSITIVE)),
    ({"sim_swap": "3h", "location": "outside"}, LOW, (young(STEP_UP), conflict(STEP_UP))),
    ({"sim_swap": "3h", "location": "outside", "number_verification": "timeout"}, LOW, (young(STEP_UP),)),
    ({"sim_swap": "25h", "location": "outside"}, HIGH, ()),
    ({"call_forwarding": "active"}, HIGH, (Gate(GateCode.LINE_FORWARDED, ALLOW, VOICE),)),
    ({"number_recycling": "recycled"}, LOW, (Gate(GateCode.NUMBER_RECYCLED, REVIEW, LINE),)),
    ({"device_swap": "unknown_subscriber"}, MEDIUM, (nobody(ALLOW),)),
    ({"device_swap": "unknown_subscriber"}, HIGH, (nobody(REVIEW),)),
    ({"sim_swap": "timeout"}, LOW, ()),
    ({"sim_swap": "timeout"}, MEDIUM, (missing(STEP_UP),)),
    ({"sim_swap": "timeout"}, HIGH, (missing(STEP_UP, PHONE),)),
    ({"sim_swap": "timeout"}, CRITICAL, (missing(REVIEW, PHONE), SENSITIVE)),
    ({"sim_swap": "unsupported"}, MEDIUM, ()),
    ({"sim_swap": "unsupported"}, HIGH, (missing(STEP_UP, PHONE),)),
    ({"sim_swap": "not_permitted"}, MEDIUM, (missing(STEP_UP),)),
    ({"number_verification": "late", "device_swap": "unsupported"}, HIGH, (missing(STEP_UP, PHONE),)),
]


@pytest.mark.parametrize(("words", "action_class", "fired"), FIRED)
def test_a_gate_asks_for_this_and_no_more(
    words: dict[str, str], action_class: ActionClass, fired: tuple[Gate, ...]
) -> None:
    rules = all_classes().rules(action_class)
    assert gates(Facts.of(evidence(**CLEAN | words), rules), rules) == fired


def test_what_an_operator_failed_on_and_what_nobody_offers_have_floors_of_their_own() -> None:
    rules = msgspec.structs.replace(all_classes().rules(MEDIUM), missing_floor=REVIEW, failed_floor=DENY)
    floors = {
        reason: max(gate.floor for gate in gates(Facts.of(evidence(**CLEAN | {"sim_swap": reason}), rules), rules))
        for reason in ("timeout", "unsupported", "not_permitted")
    }
    assert floors == {"timeout": DENY, "unsupported": STEP_UP, "not_permitted": REVIEW}


UNSEEN = (Unavailability.UNKNOWN_SUBSCRIBER, Unavailability.UNSUPPORTED, Unavailability.NOT_PERMITTED)
POLICIES = [*shipped().values(), all_classes(), sim_bound()]
CLASSES = [(document, one) for document in POLICIES for one in document.classes]


@pytest.mark.parametrize(("document", "action_class"), CLASSES, ids=lambda one: getattr(one, "id", None))
def test_of_whom_nothing_could_be_seen_the_decision_is_alike(
    document: PolicyDocument, action_class: ActionClass
) -> None:
    """Unknown to the operator, nobody to ask, no consent, and every mixture of them over the signals (T2)."""
    rules = document.rules(action_class)
    mixtures = [*itertools.product(UNSEEN, repeat=len(rules.wanted))][:: 1 + 3 ** len(rules.wanted) // 100]
    told = set()
    for reasons in mixtures:
        found = Evidence.of(map(Unavailable, rules.wanted, reasons))
        assessment = assess(table(), rules, found, NOW)
        decision = decide(assessment, found, rules, document)
        told.add((decision.outcome, decision.verdict, decision.band, assessment.trust_score, assessment.high))
    assert len(told) == 1


@pytest.mark.parametrize("action_class", [HIGH, CRITICAL])
def test_of_whom_nothing_could_be_seen_a_human_decides_what_is_sensitive(action_class: ActionClass) -> None:
    for reason in UNSEEN:
        assert decided(evidence(**dict.fromkeys(CLEAN, reason.value)), action_class).outcome is REVIEW


def test_where_an_operator_failed_its_fail_mode_stands() -> None:
    assert decided(evidence(**dict.fromkeys(CLEAN, "timeout")), HIGH).outcome is STEP_UP


def settled(words: Evidence, action_class: ActionClass, *floors: Floor) -> Decision:
    rules = all_classes().rules(action_class)
    return decide(assess(table(), rules, words, NOW), words, rules, all_classes(), floors)


def test_the_past_of_a_subject_raises_the_floor_and_says_why() -> None:
    clean = evidence(**CLEAN)
    assert settled(clean, LOW).outcome is ALLOW
    raised = settled(clean, LOW, Floor("ADVERSE_STANDS", REVIEW), Floor("JOURNEY_ADVERSE", STEP_UP))
    assert (raised.outcome, raised.gates) == (REVIEW, ("ADVERSE_STANDS", "JOURNEY_ADVERSE"))


def test_a_step_up_over_the_line_in_doubt_is_worth_less() -> None:
    words = evidence(**CLEAN | {"location": "outside", "call_forwarding": "active"})
    assert decided(words, MEDIUM).outcome is STEP_UP
    assert decided(words, MEDIUM, sim_bound()).outcome is REVIEW


def test_what_is_unknown_is_supposed_under_the_worth_of_that_step_up() -> None:
    words = evidence(sim_swap="400d", location="inside", number_verification="timeout", device_swap="timeout")
    assert decided(words, HIGH, sim_bound()).gates == ("EVIDENCE_MISSING",)
    assert decided(words, HIGH, sim_bound()).outcome is REVIEW


def test_a_known_change_has_the_floor_of_one_that_might_have_been_beside_all_other_gates() -> None:
    strict = msgspec.structs.replace(all_classes().rules(MEDIUM), missing_floor=REVIEW)
    words = evidence(**CLEAN | {"sim_swap": "2d", "call_forwarding": "active"})
    assessment = assess(table(), strict, words, NOW)
    decision = decide(assessment, words, strict, all_classes(), (Floor("JOURNEY_ADVERSE", STEP_UP),))
    assert (decision.outcome, decision.gates) == (REVIEW, ("LINE_FORWARDED", "JOURNEY_ADVERSE", "POLICY_FLOOR"))


def test_a_review_for_want_of_a_method_keeps_the_gates_before_it() -> None:
    words = evidence(**CLEAN | {"sim_swap": "3h", "location": "timeout"})
    cheap = msgspec.structs.replace(sim_bound().rules(LOW), prior=1e-5, required=())
    document = msgspec.structs.replace(sim_bound(), classes={HIGH: msgspec.structs.replace(cheap, action_class=HIGH)})
    raised = msgspec.structs.replace(
        document.classes[HIGH], gate_floors=document.classes[HIGH].gate_floors | {GateCode.SIM_CHANGED_24H: STEP_UP}
    )
    decision = decided(words, HIGH, msgspec.structs.replace(document, classes={HIGH: raised}))
    assert (decision.outcome, decision.gates) == (REVIEW, ("SIM_CHANGED_24H", "POLICY_FLOOR"))


class TestWithheld:
    def test_by_a_gate_names_the_gate(self) -> None:
        decision = decided(evidence(**CLEAN | {"sim_swap": "3h", "call_forwarding": "active"}), MEDIUM)
        assert decision.withheld_for == dict.fromkeys(("network_auth", "sms_otp", "voice_call"), "SIM_CHANGED_24H")
        assert decided(evidence(**CLEAN | {"call_forwarding": "active"}), MEDIUM).withheld_for == {
            "voice_call": "LINE_FORWARDED"
        }

    def test_by_the_weight_of_the_line_names_what_weighs(self) -> None:
        decision = decided(evidence(**CLEAN | {"sim_swap": "5d"}), MEDIUM)
        assert decision.withheld_for == dict.fromkeys(("sms_otp", "voice_call"), "SIM_CHANGED_7D")


def test_a_stop_denies_leaves_no_way_and_says_so_first() -> None:
    before = decided(evidence(**CLEAN | {"call_forwarding": "active"}), MEDIUM)
    after = halted(before)
    assert (after.outcome, after.methods_offered) == (DENY, ())
    assert (after.reasons[0].code, after.reasons[0].effect.value) == ("STOPPED", "worse")
    assert after.reasons[1:] == before.reasons
    assert after.gates == ("LINE_FORWARDED", "STOPPED")
    assert after.methods_withheld == ("network_auth", "tenant_factor", "sms_otp", "voice_call")
    stopped = dict.fromkeys(("network_auth", "tenant_factor", "sms_otp"), "STOPPED")
    assert after.withheld_for == stopped | {"voice_call": "LINE_FORWARDED"}


@pytest.mark.parametrize("words", [CLEAN, CLEAN | {"sim_swap": "3h"}, CLEAN | {"location": "outside"}, {}])
@pytest.mark.parametrize("floors", [(), (Floor("ADVERSE_STANDS", REVIEW),)])
@pytest.mark.parametrize("action_class", ActionClass)
def test_in_brief_is_the_same_decision(
    words: dict[str, str], floors: tuple[Floor, ...], action_class: ActionClass
) -> None:
    found, rules = evidence(**words), all_classes().rules(action_class)
    whole = settled(found, action_class, *floors)
    gist = Gist.of(assessed(found, action_class), found)
    brief = decide_in_brief(gist, Facts.of(found, rules), rules, all_classes(), floors)
    assert (brief.outcome, brief.methods_offered) == (whole.outcome, whole.methods_offered)
    assert brief.suspicious is (whole.verdict is Verdict.SUSPICIOUS)


class TestVerdict:
    def test_answers_that_have_faded_to_nothing_trust_nobody(self) -> None:
        possession = evidence(number_verification="match")
        assert settled(possession, LOW).verdict is Verdict.TRUSTED
        faded = aged(possession, number_verification=400 * DAY)
        assert assessed(faded, LOW).evidence == 0.0
        assert settled(faded, LOW).verdict is Verdict.UNKNOWN

    @pytest.mark.parametrize(("found", "verdict"), [(0.5, Verdict.TRUSTED), (0.501, Verdict.UNKNOWN)])
    def test_half_of_the_clean_may_be_spoken_against(self, found: float, verdict: Verdict) -> None:
        clean, rules = evidence(**CLEAN), all_classes().rules(MEDIUM)
        assessment = msgspec.structs.replace(assess(table(), rules, clean, NOW), conflict=found)
        assert decide(assessment, clean, rules, all_classes()).verdict is verdict


def test_the_band_is_that_of_the_score() -> None:
    for words in (CLEAN, CLEAN | {"sim_swap": "3h"}):
        found = evidence(**words)
        assert settled(found, MEDIUM).band is band_of(assessed(found, MEDIUM).trust_score)
    assert settled(evidence(**CLEAN), MEDIUM).band is TrustBand.VERY_HIGH
