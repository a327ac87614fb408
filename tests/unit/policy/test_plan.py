from datetime import date

import msgspec
import pytest

from broker.domain.check import Action, CheckRequest, Circle, Subject
from broker.domain.decision import ActionClass
from broker.domain.phone import PhoneNumber
from broker.domain.plan import Plan
from broker.domain.signal import SignalName, Unavailability
from broker.policy.plan import NO_OPERATOR_TOKEN, bind, draft, without
from broker.policy.reading import NO_LOCATION_GIVEN
from tests.unit.policy.kit import all_classes

SIM, DEVICE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP
POSSESSION, PLACE = SignalName.NUMBER_VERIFICATION, SignalName.LOCATION
MADRID = Circle(40.4168, -3.7038, 5000.0)

FULL = CheckRequest(
    subject=Subject(PhoneNumber.parse("+34600000101"), MADRID, date(2024, 5, 1), "token"),
    action=Action("act.high"),
    purpose="FraudPreventionAndDetection",
)


def request(**changes: object) -> CheckRequest:
    return msgspec.structs.replace(FULL, **changes)


def plan(asked: CheckRequest = FULL, action_class: ActionClass = ActionClass.HIGH) -> Plan:
    return draft(all_classes(), action_class, asked, deadline_ms_default=1500, deadline_ms_cap=4000)


def ages(of: Plan) -> dict[SignalName, float]:
    return {item.signal: item.max_age_s for item in of.items}


def lost(of: Plan) -> dict[SignalName, tuple[Unavailability, str | None]]:
    return {one.name: (one.reason, one.code) for one in of.unavailable}


def test_asks_for_what_the_class_wants_and_says_what_it_requires() -> None:
    made = plan()
    assert (made.policy_id, made.policy_version, made.action_class) == ("all-classes", 1, ActionClass.HIGH)
    assert {item.signal: item.required for item in made.items} == {
        DEVICE: True,
        PLACE: False,
        POSSESSION: True,
        SIM: True,
    }
    assert made.unavailable == ()


@pytest.mark.parametrize(
    ("location", "token", "expected"),
    [
        (None, "token", {PLACE: (Unavailability.NOT_APPLICABLE, NO_LOCATION_GIVEN)}),
        (MADRID, None, {POSSESSION: (Unavailability.NOT_APPLICABLE, NO_OPERATOR_TOKEN)}),
    ],
)
def test_what_the_request_lacks_is_not_applicable(
    location: Circle | None, token: str | None, expected: dict[SignalName, tuple[Unavailability, str]]
) -> None:
    asked = request(subject=msgspec.structs.replace(FULL.subject, location=location, operator_token=token))
    assert lost(plan(asked)) == expected
    assert not {item.signal for item in plan(asked).items} & set(expected)


@pytest.mark.parametrize(
    ("action_class", "wished_s", "sim_s"),
    [
        (ActionClass.LOW, None, 3600),
        (ActionClass.MEDIUM, None, 300),
        (ActionClass.HIGH, None, 60),
        (ActionClass.CRITICAL, None, 0),
        (ActionClass.LOW, 10, 10),
        (ActionClass.HIGH, 3600, 60),
        (ActionClass.LOW, 0, 0),
    ],
)
def test_a_caller_may_ask_for_fresher_answers_and_never_for_older(
    action_class: ActionClass, wished_s: int | None, sim_s: float
) -> None:
    assert ages(plan(request(max_evidence_age_s=wished_s), action_class))[SIM] == sim_s


def test_where_somebody_is_is_soon_old_whatever_the_class_allows() -> None:
    document = all_classes()
    low = msgspec.structs.replace(document.rules(ActionClass.LOW), wanted=(SIM, PLACE))
    document = msgspec.structs.replace(document, classes={ActionClass.LOW: low})
    made = draft(document, ActionClass.LOW, FULL, deadline_ms_default=1500, deadline_ms_cap=4000)
    assert ages(made) == {SIM: 3600, PLACE: 300}


def test_possession_is_of_this_session_and_never_taken_from_an_earlier_answer() -> None:
    assert ages(plan())[POSSESSION] == 0


@pytest.mark.parametrize(("wished_ms", "expected_ms"), [(None, 1500), (700, 700), (60_000, 4000)])
def test_the_deadline_is_the_callers_within_the_cap(wished_ms: int | None, expected_ms: int) -> None:
    assert plan(request(deadline_ms=wished_ms)).deadline_ms == expected_ms


def test_binding_moves_what_the_operator_lacks_to_unsupported_and_loses_nothing() -> None:
    made = plan()
    bound = bind(made, {SIM, PLACE})
    assert {item.signal for item in bound.items} == {SIM, PLACE}
    assert lost(bound) == {
        DEVICE: (Unavailability.UNSUPPORTED, None),
        POSSESSION: (Unavailability.UNSUPPORTED, None),
    }
    assert {*ages(bound), *lost(bound)} == set(ages(made))
    assert bind(bound, {SIM, PLACE}) == bound


def test_what_was_lost_keeps_its_first_reason() -> None:
    once = without(plan(), {SIM}, Unavailability.NOT_PERMITTED, "PURPOSE")
    again = bind(without(once, {SIM}, Unavailability.SKIPPED), set())
    assert lost(again)[SIM] == (Unavailability.NOT_PERMITTED, "PURPOSE")
    assert [one.name for one in again.unavailable] == sorted(ages(plan()))


def test_a_class_that_the_document_lacks_is_a_programming_error() -> None:
    document = msgspec.structs.replace(all_classes(), classes={})
    with pytest.raises(KeyError):
        draft(document, ActionClass.LOW, FULL, deadline_ms_default=1, deadline_ms_cap=1)
