"""What people add to a decision: which answers loosen what, and which never do."""

import itertools

import msgspec
import pytest

from broker.domain.decision import ActionClass, Decision, Effect, Outcome, Reason
from broker.domain.record import HumanRuling, Proof
from broker.policy.decide import halted
from broker.policy.revise import revised
from tests.unit.policy.kit import decided, evidence

ALLOW, STEP_UP, REVIEW, DENY = Outcome
YES, NO = HumanRuling(ALLOW, "CUSTOMER_CONFIRMED"), HumanRuling(DENY, "NOT_CONFIRMED")
NETWORK, OTP = "network_auth", "otp"


def decision(outcome: Outcome, *offered: str) -> Decision:
    made = decided(evidence(sim_swap="400d"), ActionClass.MEDIUM)
    return msgspec.structs.replace(made, outcome=outcome, methods_offered=offered, gates=())


@pytest.mark.parametrize(
    ("before", "proofs", "ruling", "after"),
    [
        pytest.param(STEP_UP, (Proof(NETWORK, met=True),), None, ALLOW, id="met"),
        pytest.param(STEP_UP, (Proof("passkey", met=True),), None, STEP_UP, id="met by a method that is withheld"),
        pytest.param(STEP_UP, (Proof(OTP, met=False),), None, STEP_UP, id="failed, another one is left"),
        pytest.param(STEP_UP, (Proof(OTP, met=False), Proof(NETWORK, met=True)), None, ALLOW, id="failed, then met"),
        pytest.param(STEP_UP, (Proof(OTP, met=False), Proof(OTP, met=True)), None, STEP_UP, id="failed once is failed"),
        pytest.param(STEP_UP, (Proof(OTP, met=False), Proof(NETWORK, met=False)), None, REVIEW, id="none is left"),
        pytest.param(REVIEW, (Proof(NETWORK, met=True),), None, REVIEW, id="a challenge answers no review"),
        pytest.param(DENY, (Proof(NETWORK, met=True),), None, DENY, id="a challenge answers no denial"),
        pytest.param(ALLOW, (), None, ALLOW, id="nothing"),
        pytest.param(REVIEW, (), YES, ALLOW, id="approved"),
        pytest.param(STEP_UP, (Proof(OTP, met=False),), YES, ALLOW, id="approved after a failed challenge"),
        pytest.param(STEP_UP, (Proof(NETWORK, met=True),), NO, DENY, id="denied, whatever was met"),
    ],
)
def test_what_people_add_counts_where_it_was_asked_for(
    before: Outcome, proofs: tuple[Proof, ...], ruling: HumanRuling | None, after: Outcome
) -> None:
    assert revised(decision(before, NETWORK, OTP), proofs, ruling).outcome is after


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_stop_is_for_everybody(outcome: Outcome) -> None:
    stopped = halted(decision(outcome, NETWORK))
    for proofs, ruling in itertools.product([(), (Proof(NETWORK, met=True),)], [None, YES, NO]):
        assert revised(stopped, proofs, ruling) == stopped


@pytest.mark.parametrize("outcome", list(Outcome))
def test_without_a_human_only_a_step_up_is_ever_loosened(outcome: Outcome) -> None:
    every = [Proof(method, met=met) for method in (NETWORK, OTP, "passkey") for met in (True, False)]
    for count in range(4):
        for proofs in itertools.permutations(every, count):
            after = revised(decision(outcome, NETWORK, OTP), proofs, None)
            assert after.outcome >= outcome or (outcome is STEP_UP and after.outcome is ALLOW)
            failed = {proof.method for proof in proofs if not proof.met}
            assert after.outcome is not STEP_UP or not failed & set(after.methods_offered)


def test_the_reasons_say_what_people_added() -> None:
    codes = {reason.code for reason in revised(decision(STEP_UP, OTP), (Proof(OTP, met=True),), None).reasons}
    assert "CHALLENGE_MET" in codes
    assert revised(decision(STEP_UP, OTP), (Proof(OTP, met=False),), None).reasons[0].code == "CHALLENGE_FAILED"
    assert revised(decision(REVIEW), (), NO).reasons[0].code == "REVIEW_DENIED"


def test_whoever_added_nothing_changed_nothing() -> None:
    for outcome in Outcome:
        assert revised(decision(outcome, NETWORK), (), None) == decision(outcome, NETWORK)


def test_what_speaks_for_somebody_is_said_last_and_what_speaks_against_them_first() -> None:
    before = decision(STEP_UP, NETWORK, OTP)
    met = revised(before, (Proof(NETWORK, met=True),), None)
    assert met.reasons == (*before.reasons, Reason("CHALLENGE_MET", Effect.BETTER))
    assert revised(before, (), YES).reasons == (*before.reasons, Reason("REVIEW_APPROVED", Effect.BETTER))
    assert revised(before, (), NO).reasons == (Reason("REVIEW_DENIED", Effect.WORSE), *before.reasons)


def test_a_method_that_was_failed_is_withheld_and_says_why() -> None:
    before = msgspec.structs.replace(
        decision(STEP_UP, NETWORK, OTP), methods_withheld=("sms",), withheld_for={"sms": "SIM_CHANGED_24H"}
    )
    after = revised(before, (Proof(OTP, met=False), Proof("passkey", met=False)), None)
    assert after == msgspec.structs.replace(
        before,
        reasons=(Reason("CHALLENGE_FAILED", Effect.WORSE), *before.reasons),
        methods_offered=(NETWORK,),
        methods_withheld=("sms", OTP),
        withheld_for={"sms": "SIM_CHANGED_24H", OTP: "CHALLENGE_FAILED"},
    )
