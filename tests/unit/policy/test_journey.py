"""What an earlier check of a conversation counts for, and for whom it never does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.decision import ActionClass, Floor, Outcome, Verdict
from broker.domain.evidence import Evidence
from broker.domain.plan import Plan
from broker.domain.signal import AgeRange, Match, Observed, SignalName, Source, Unavailability, Unavailable
from broker.policy.journey import LINE_CHANGED_SINCE, Carried, Step, carried, expecting, floors, sound
from broker.policy.plan import NO_OPERATOR_TOKEN
from tests.unit.policy.kit import all_classes

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANA, LUIS = b"ana", b"luis"
PURPOSE = "FraudPreventionAndDetection"
SOURCE = Source("alba", "number-verification", "2.1.0")
POSSESSION = SignalName.NUMBER_VERIFICATION


def seen(ago_s: float = 60, *, matched: bool = True, **source: bool) -> Observed:
    told = msgspec.structs.replace(SOURCE, **source)
    return Observed(POSSESSION, Match(matched=matched), NOW - timedelta(seconds=ago_s), told, latency_ms=80.0)


def step(possession: Observed | None = None, **changes: Any) -> Step:
    made = Step("chk_1", ANA, PURPOSE, NOW - timedelta(seconds=59), Outcome.ALLOW, Verdict.TRUSTED, possession)
    return msgspec.structs.replace(made, **changes)


def taken(*steps: Step, subject: bytes = ANA, purpose: str = PURPOSE, max_age_s: float = 600) -> Carried | None:
    return carried(steps, subject, purpose, NOW, max_age_s)


def test_a_proven_sim_is_carried_with_its_age_and_its_source() -> None:
    found = taken(step(seen()))
    assert found is not None
    assert (found.check_id, found.possession.observed_at) == ("chk_1", NOW - timedelta(seconds=60))
    assert found.possession.source == msgspec.structs.replace(SOURCE, cached=True)
    assert found.possession.latency_ms == 0


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="nothing before"),
        pytest.param((step(),), id="nothing proven"),
        pytest.param((step(seen(), subject=LUIS),), id="another person's"),
        pytest.param((step(seen(), purpose="RequestedServiceProvision"),), id="for another purpose"),
        pytest.param((step(seen(600)),), id="too old"),
        pytest.param((step(seen(-1)),), id="from the future"),
        pytest.param((step(seen(matched=False)),), id="another SIM"),
        pytest.param((step(seen(cached=True)),), id="carried itself: it has a check of its own, or is gone"),
        pytest.param((step(seen(), outcome=Outcome.DENY),), id="denied all the same"),
        pytest.param((step(seen(), verdict=Verdict.SUSPICIOUS),), id="suspicious all the same"),
        pytest.param((step(seen(60)), step(seen(30, matched=False))), id="the last word is another SIM"),
        pytest.param((step(seen(30, matched=False)), step(seen(30))), id="two words at once"),
    ],
)
def test_what_is_not_carried(steps: tuple[Step, ...]) -> None:
    assert taken(*steps) is None
    assert taken(*reversed(steps)) is None


possessions = st.one_of(
    st.none(), st.builds(seen, st.integers(-100, 1000), matched=st.booleans(), cached=st.booleans())
)
journeys = st.lists(
    st.builds(
        step,
        possessions,
        subject=st.sampled_from([ANA, LUIS]),
        purpose=st.sampled_from([PURPOSE, "Other"]),
        outcome=st.sampled_from(Outcome),
        verdict=st.sampled_from(Verdict),
    ),
    max_size=6,
)


@given(journeys, st.randoms())
def test_nobody_borrows_and_the_order_does_not_matter(steps: list[Step], random: Any) -> None:
    found = taken(*steps)
    own = [one for one in steps if (one.subject, one.purpose) == (ANA, PURPOSE)]
    assert found == taken(*own), "what others proved changes nothing"
    shuffled = list(steps)
    random.shuffle(shuffled)
    assert (taken(*shuffled) is None) == (found is None)
    if found is not None:
        assert 0 <= (NOW - found.possession.observed_at).total_seconds() < 600
        assert found.possession.value == Match(matched=True)


def test_a_denial_in_the_same_conversation_asks_for_more_for_a_while() -> None:
    denied = step(outcome=Outcome.DENY, subject=LUIS)
    asks = (Floor("JOURNEY_ADVERSE", Outcome.STEP_UP),)
    assert floors([step(), denied], NOW - timedelta(hours=1), crowded=False) == asks
    assert floors([denied], NOW - timedelta(seconds=59), crowded=False) == ()
    assert floors([], NOW - timedelta(hours=1), crowded=True) == asks, "what nobody has looked at"
    assert floors([step(outcome=Outcome.REVIEW)], NOW - timedelta(hours=1), crowded=False) == ()


def a_plan(action_class: ActionClass, code: str = NO_OPERATOR_TOKEN) -> Plan:
    missed = Unavailable(POSSESSION, Unavailability.NOT_APPLICABLE, code)
    return Plan("payment", 1, action_class, (), (missed,), 1500)


def test_a_plan_expects_it_where_a_token_was_all_that_was_missing() -> None:
    plan = expecting(a_plan(ActionClass.HIGH), all_classes().rules(ActionClass.HIGH))
    assert ([item.signal for item in plan.items], plan.unavailable) == ([POSSESSION], ())
    other = a_plan(ActionClass.HIGH, "OTHER")
    assert expecting(other, all_classes().rules(ActionClass.HIGH)) == other
    critical = a_plan(ActionClass.CRITICAL)
    assert expecting(critical, all_classes().rules(ActionClass.CRITICAL)) == critical, "critical asks anew"


@pytest.mark.parametrize(
    ("age", "stays"),
    [
        (AgeRange(at_least_s=0.0, at_most_s=30.0), False),
        (AgeRange(at_least_s=50.0, at_most_s=86_400.0), False),
        (AgeRange(at_least_s=61.0, at_most_s=86_400.0), True),
        (AgeRange(at_least_s=86_400.0, at_most_s=None), True),
    ],
)
@pytest.mark.parametrize("name", [SignalName.SIM_SWAP, SignalName.DEVICE_SWAP])
def test_a_possession_does_not_outlive_the_line(name: SignalName, age: AgeRange, *, stays: bool) -> None:
    before = Carried("chk_1", seen(60, cached=True))
    line = Observed(name, age, NOW, Source("alba", "sim-swap", "2.1.0"))
    kept = sound(Evidence.of([before.possession, line]), before)
    if stays:
        assert kept.observed(POSSESSION) == before.possession
    else:
        assert kept.get(POSSESSION) == Unavailable(POSSESSION, Unavailability.NOT_APPLICABLE, LINE_CHANGED_SINCE)
    assert kept.observed(name) == line
    own = Evidence.of([seen(0), line])
    assert sound(own, before) == own, "what this session proved is its own"
    assert sound(own, None) == own
