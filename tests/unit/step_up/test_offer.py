"""What is offered can be begun; what is not says why, and to an agent no more than that something is missing."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from broker.domain.decision import Decision, Outcome, TrustBand, Verdict
from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.domain.ways import Ways
from broker.policy.reasons import ReasonCode, SafeCode, safe_code
from broker.policy.rules import ON_THE_PHONE_NETWORK, ON_THE_SIM, StepUpMethod
from broker.step_up.offer import Lifetimes, NextStep, Surroundings, offer, ways

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFETIMES = Lifetimes(within_s=3600, clean_s=300, review_s=1800)
EVERY = tuple(str(method) for method in StepUpMethod)
ABLE = frozenset(EVERY)
CLEAN = Observed(
    SignalName.SIM_SWAP, AgeRange(90 * 86_400.0, None), NOW, Source("alba", "sim-swap", "2.1.0"), None, 5.0
)
AT_THE_OPERATOR = {str(method) for method in ON_THE_SIM | ON_THE_PHONE_NETWORK}


def decision(outcome: Outcome = Outcome.STEP_UP, *, withheld: dict[str, str] | None = None) -> Decision:
    withheld = withheld or {}
    return Decision(
        outcome=outcome,
        verdict=Verdict.UNKNOWN,
        band=TrustBand.MEDIUM,
        reasons=(),
        gates=(),
        degraded=False,
        methods_offered=tuple(name for name in EVERY if name not in withheld),
        methods_withheld=tuple(withheld),
        expected_costs={},
        withheld_for=withheld,
    )


def found(
    decided: Decision, *signals: Signal, able: frozenset[str] = ABLE, barred: frozenset[str] = frozenset()
) -> Ways:
    return ways(decided, Evidence.of(signals), Surroundings(able, barred), NOW, LIFETIMES)


def codes(looked: Ways) -> dict[str, str]:
    return {one.method: one.code for one in looked.withheld}


def test_each_way_has_its_own_end_and_the_policys_order() -> None:
    looked = found(decision(), CLEAN)
    assert [way.method for way in looked.offered] == list(EVERY)
    for way in looked.offered:
        short = StepUpMethod(way.method) in ON_THE_PHONE_NETWORK
        assert way.expires_at - NOW == timedelta(seconds=300 if short else 3600), way.method
    assert looked.withheld == ()
    assert [step.kind for step in offer(decision(), looked)] == ["challenge"] * len(EVERY) + ["review"]


@pytest.mark.parametrize(
    ("signals", "able", "barred", "code", "methods"),
    [
        pytest.param(
            (CLEAN, Unavailable(SignalName.LOCATION, Unavailability.UNKNOWN_SUBSCRIBER)),
            ABLE, frozenset(), "UNKNOWN_NUMBER", AT_THE_OPERATOR, id="a number of nobody",
        ),
        pytest.param(
            (CLEAN,), frozenset({"tenant_factor"}), frozenset(), "METHOD_UNSUPPORTED", AT_THE_OPERATOR,
            id="an operator that can do nothing",
        ),
        pytest.param(
            (CLEAN,), ABLE, frozenset(AT_THE_OPERATOR), "NOT_CONSENTED", AT_THE_OPERATOR, id="a person who forbids it",
        ),
        pytest.param(
            (CLEAN, Unavailable(SignalName.NUMBER_VERIFICATION, Unavailability.NOT_PERMITTED, "PERMISSION_DENIED")),
            ABLE, frozenset(), "NOT_CONSENTED", {"network_auth", "operator_token"}, id="an operator that may not tell",
        ),
        pytest.param(
            (Unavailable(SignalName.SIM_SWAP, Unavailability.NOT_PERMITTED, "CONSENT_MISSING"),),
            ABLE, frozenset(), "NOT_CONSENTED", AT_THE_OPERATOR, id="a person about whom nobody might be asked",
        ),
        pytest.param(
            (Unavailable(SignalName.SIM_SWAP, Unavailability.TIMEOUT),), ABLE, frozenset(), "EVIDENCE_MISSING",
            {str(method) for method in ON_THE_PHONE_NETWORK}, id="a line of which nothing is known",
        ),
    ],
)  # fmt: skip
def test_what_could_not_be_begun_is_withheld(
    signals: tuple[Signal, ...], able: frozenset[str], barred: frozenset[str], code: str, methods: set[str]
) -> None:
    looked = found(decision(), *signals, able=able, barred=barred)
    assert codes(looked) == dict.fromkeys(methods, code)
    assert {way.method for way in looked.offered} == set(EVERY) - methods
    assert {safe_code(one.code) for one in looked.withheld} == {SafeCode.EVIDENCE_MISSING}


def test_what_the_decision_withheld_keeps_its_reason() -> None:
    doubt = decision(withheld={"sms_otp": "SIM_CHANGED_7D", "voice_call": "LINE_FORWARDED"})
    assert codes(found(doubt, CLEAN)) == {"sms_otp": "SIM_CHANGED_7D", "voice_call": "LINE_FORWARDED"}
    assert safe_code("SIM_CHANGED_7D") == SafeCode.LINE_RISK
    untold = msgspec.structs.replace(doubt, withheld_for={})
    assert set(codes(found(untold, CLEAN)).values()) == {ReasonCode.EVIDENCE_MISSING}


@pytest.mark.parametrize("outcome", [Outcome.ALLOW, Outcome.REVIEW, Outcome.DENY])
def test_there_are_ways_for_a_step_up_and_a_human_for_a_review(outcome: Outcome) -> None:
    until = NOW + timedelta(seconds=1800)
    looked = found(decision(outcome), CLEAN)
    assert looked == (Ways(review_until=until) if outcome is Outcome.REVIEW else Ways())
    steps = offer(decision(outcome), looked)
    assert steps == ((NextStep("review", None, until),) if outcome is Outcome.REVIEW else ())


def test_a_check_of_an_earlier_release_is_still_shown() -> None:
    assert [step.method for step in offer(decision(), None)] == [*EVERY, None]
