"""Answers are computed from a history and a clock: what the magic numbers mean, and how it changes with time."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mock.operator.network.events import Entry, Seen, SimChange
from adapters.mock.operator.network.geometry import distance_m, share_inside
from adapters.mock.operator.network.timeline import line_at
from tests.support.clocks import NOON, HandClock
from tests.support.mock_operator import RunningOperator, running_operator

HOME = {"latitude": 40.4168, "longitude": -3.7038}
LONDON = {"latitude": 51.5074, "longitude": -0.1278}
DAY_S = 86_400


@pytest.fixture(scope="module")
def alba_started() -> Iterator[RunningOperator]:
    with running_operator("alba", now=HandClock().now) as operator:
        yield operator


@pytest.fixture
def alba(alba_started: RunningOperator) -> RunningOperator:
    alba_started.control.reset()
    return alba_started


@pytest.fixture(scope="module")
def borealis() -> Iterator[RunningOperator]:
    with running_operator("borealis", now=HandClock().now) as operator:
        yield operator


def _ask(operator: RunningOperator, path: str, scope: str, body: dict[str, Any]) -> Any:
    return operator.client.call(operator.client.token(scope), path, body).json()


def _sim_date(operator: RunningOperator, ending: str) -> Any:
    version = "v2" if operator.profile.name == "alba" else "v1"
    return _ask(operator, f"/sim-swap/{version}/retrieve-date", "sim-swap", {"phoneNumber": operator.number(ending)})


def _sim_check(operator: RunningOperator, ending: str, **body: Any) -> Any:
    version = "v2" if operator.profile.name == "alba" else "v1"
    body["phoneNumber"] = operator.number(ending)
    return _ask(operator, f"/sim-swap/{version}/check", "sim-swap", body)


def _device(operator: RunningOperator, ending: str, what: str, **body: Any) -> Any:
    body["phoneNumber"] = operator.number(ending)
    return _ask(operator, f"/device-swap/v1/{what}", "device-swap", body)


def _forwarding(operator: RunningOperator, ending: str, what: str) -> Any:
    scope = f"call-forwarding-signal:{what}:read"
    return _ask(operator, f"/call-forwarding-signal/v0.4/{what}", scope, {"phoneNumber": operator.number(ending)})


def _place(operator: RunningOperator, ending: str, radius: float = 5000, **body: Any) -> Any:
    body |= {"device": {"phoneNumber": operator.number(ending)}}
    body |= {"area": {"areaType": "CIRCLE", "center": HOME, "radius": radius}}
    return _ask(operator, "/location-verification/v3/verify", "location-verification:verify", body)


def _verified(operator: RunningOperator, ending: str, operator_token: str | None = None) -> Any:
    number = operator.number(ending)
    token = operator.client.token_for(
        f"operatortoken:{operator_token or f'ot-{number[1:]}'}", "number-verification:verify"
    )
    return operator.client.call(token, "/number-verification/v2/verify", {"phoneNumber": number}).json()


def _age_s(written: str) -> float:
    return (NOON - datetime.fromisoformat(written)).total_seconds()


@pytest.mark.parametrize(
    ("ending", "age_s"),
    [
        ("000101", 4 * 365 * DAY_S),
        ("000102", 3 * 3600),
        ("000103", 3 * DAY_S),
        ("000114", 2 * 3600),
        ("000117", DAY_S),
        ("000119", 10 * DAY_S),
    ],
)
def test_the_date_of_the_last_sim_change(alba: RunningOperator, ending: str, age_s: float) -> None:
    answer = _sim_date(alba, ending)
    assert answer.keys() == {"latestSimChange"}
    assert _age_s(answer["latestSimChange"]) == age_s
    # Alba writes its own offset: a client that compares strings or local dates is found out here.
    assert answer["latestSimChange"].endswith("+01:00")


@pytest.mark.parametrize(
    ("ending", "answer"),
    [
        ("000106", {"latestSimChange": None, "monitoredPeriod": 30}),
        ("000107", {"latestSimChange": None}),
        ("000116", {"latestSimChange": None}),
    ],
)
def test_a_null_date_has_three_meanings(alba: RunningOperator, ending: str, answer: Any) -> None:
    assert _sim_date(alba, ending) == answer


def test_the_older_version_cannot_say_how_far_back_a_null_reaches(borealis: RunningOperator) -> None:
    for ending in ("000101", "000106", "000107"):
        assert _sim_date(borealis, ending) == {"latestSimChange": None}
    assert _sim_date(borealis, "000102")["latestSimChange"].endswith("Z")


@pytest.mark.parametrize(
    ("ending", "max_age", "swapped"),
    [
        ("000101", 2400, False),
        ("000102", 2, False),
        ("000102", 3, True),
        ("000102", 240, True),
        ("000103", 71, False),
        ("000103", 72, True),
        ("000117", 24, True),
        ("000116", 2400, False),
    ],
)
def test_a_check_covers_max_age_hours_and_no_more(
    alba: RunningOperator, ending: str, max_age: int, swapped: bool
) -> None:
    assert _sim_check(alba, ending, maxAge=max_age) == {"swapped": swapped}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"maxAge": 168}, {"swapped": False}),
        ({"maxAge": 169}, "OUT_OF_RANGE"),
        ({}, "OUT_OF_RANGE"),  # the default of 240 h is no exception
        ({"maxAge": 2401}, "INVALID_ARGUMENT"),
        ({"maxAge": 0}, "INVALID_ARGUMENT"),
    ],
)
def test_seven_days_are_the_limit_of_borealis(borealis: RunningOperator, body: Any, answer: Any) -> None:
    given_back = _sim_check(borealis, "000101", **body)
    assert given_back.get("code", given_back) == answer


def test_a_swap_grows_old_with_the_clock(alba: RunningOperator) -> None:
    assert _sim_check(alba, "000102", maxAge=24) == {"swapped": True}
    before = _sim_date(alba, "000102")
    alba.control.advance(2 * DAY_S)
    assert _sim_check(alba, "000102", maxAge=24) == {"swapped": False}
    assert _sim_check(alba, "000102", maxAge=72) == {"swapped": True}
    assert _sim_date(alba, "000102") == before
    alba.control.advance(-2 * DAY_S)
    assert _sim_check(alba, "000102", maxAge=24) == {"swapped": True}


def test_a_date_disappears_when_retention_ends(borealis: RunningOperator) -> None:
    borealis.control.reset()
    assert _sim_date(borealis, "000103")["latestSimChange"] is not None
    borealis.control.advance(5 * DAY_S)
    assert _sim_date(borealis, "000103") == {"latestSimChange": None}
    borealis.control.reset()


def test_an_event_ahead_has_not_happened_until_it_has(alba: RunningOperator) -> None:
    alba.control.event(alba.number("000101"), {"type": "sim_change"}, ago_s=-3600)
    assert _sim_check(alba, "000101", maxAge=1) == {"swapped": False}
    alba.control.advance(3600)
    assert _sim_check(alba, "000101", maxAge=1) == {"swapped": True}


def test_a_device_has_a_history_of_its_own(alba: RunningOperator) -> None:
    assert _device(alba, "000113", "check", maxAge=24) == {"swapped": True}
    assert _sim_check(alba, "000113", maxAge=2400) == {"swapped": False}
    assert _device(alba, "000102", "check", maxAge=2400) == {"swapped": False}
    assert _age_s(_device(alba, "000114", "retrieve-date")["latestDeviceChange"]) == 2 * 3600
    assert _device(alba, "000106", "retrieve-date") == {"latestDeviceChange": None, "monitoredPeriod": 30}
    assert _device(alba, "000116", "check")["code"] == "SERVICE_NOT_APPLICABLE"


def test_for_devices_only_an_explicit_period_can_be_too_long(alba: RunningOperator) -> None:
    alba.control.put_subscriber(
        "+34600999999",
        events=[{"event": {"type": "activation"}, "agoS": 9 * DAY_S}],
        retention={"hours": 168},
    )
    token = alba.client.token("device-swap")
    body = {"phoneNumber": "+34600999999"}
    assert alba.client.call(token, "/device-swap/v1/check", body).json() == {"swapped": False}
    assert alba.client.call(token, "/device-swap/v1/check", body | {"maxAge": 240}).json()["code"] == "OUT_OF_RANGE"


def test_forwarding_goes_on_and_off(alba: RunningOperator) -> None:
    everywhere, one = "call-forwardings", "unconditional-call-forwardings"
    assert _forwarding(alba, "000112", one) == {"active": True}
    assert _forwarding(alba, "000112", everywhere) == ["unconditional"]
    assert _forwarding(alba, "000101", one) == {"active": False}
    assert _forwarding(alba, "000101", everywhere) == ["inactive"]
    assert _forwarding(alba, "000118", one) == {"active": False}
    assert _forwarding(alba, "000118", everywhere) == ["conditional_no_answer"]
    alba.control.event(alba.number("000112"), {"type": "forwarding", "active": False})
    assert _forwarding(alba, "000112", one) == {"active": False}


def test_a_place_is_compared_with_the_circle(alba: RunningOperator) -> None:
    assert _place(alba, "000101")["verificationResult"] == "TRUE"
    assert _place(alba, "000104")["verificationResult"] == "FALSE"
    partial = _place(alba, "000105")
    # The circle lies in the cell: its share of the cell's area is (5 km / 20 km) squared.
    assert (partial["verificationResult"], partial["matchRate"]) == ("PARTIAL", 6)
    assert _place(alba, "000105", radius=100_000)["verificationResult"] == "TRUE"
    assert _place(alba, "000101", radius=250)["matchRate"] == 25


def test_a_device_that_is_there_can_be_looked_for_now(alba: RunningOperator) -> None:
    assert _age_s(_place(alba, "000101", maxAge=0)["lastLocationTime"]) == 0
    alba.control.advance(70)
    assert _age_s(_place(alba, "000101")["lastLocationTime"]) == 0
    assert _age_s(_place(alba, "000101", maxAge=69)["lastLocationTime"]) == -70


def test_a_device_that_has_left_is_where_it_was(alba: RunningOperator) -> None:
    stale = _place(alba, "000115")
    assert stale["verificationResult"] == "TRUE"
    assert _age_s(stale["lastLocationTime"]) == 3 * DAY_S
    assert _place(alba, "000115", maxAge=3 * DAY_S)["verificationResult"] == "TRUE"
    assert _place(alba, "000115", maxAge=60)["code"] == "LOCATION_VERIFICATION.UNABLE_TO_FULFILL_MAX_AGE"
    alba.control.event(alba.number("000115"), {"type": "seen", **HOME, "radius_m": 300})
    assert _place(alba, "000115", maxAge=60)["verificationResult"] == "TRUE"


def test_a_device_that_cannot_be_located_is_an_error_with_two_names(alba: RunningOperator) -> None:
    assert _place(alba, "000110")["code"] == "LOCATION_VERIFICATION.UNABLE_TO_LOCATE"
    assert _place(alba, "000110", maxAge=60)["code"] == "LOCATION_VERIFICATION.UNABLE_TO_FULFILL_MAX_AGE"


def test_in_the_older_version_it_is_an_answer(borealis: RunningOperator) -> None:
    area = {"areaType": "CIRCLE", "center": LONDON, "radius": 5000}
    token = borealis.client.token_for(f"tel:{borealis.number('000110')}", "location-verification:verify")
    for body in ({"area": area}, {"area": area, "maxAge": 60}):
        answer = borealis.client.call(token, "/location-verification/v1/verify", body)
        assert answer.json() == {"verificationResult": "UNKNOWN"}


def test_areas_that_are_not_served_have_their_own_errors(alba: RunningOperator) -> None:
    assert _place(alba, "000101", radius=99)["code"] == "LOCATION_VERIFICATION.INVALID_AREA"
    sydney = {"areaType": "CIRCLE", "center": {"latitude": -33.9, "longitude": 151.2}, "radius": 5000}
    body = {"device": {"phoneNumber": alba.number("000101")}, "area": sydney}
    answer = _ask(alba, "/location-verification/v3/verify", "location-verification:verify", body)
    assert answer["code"] == "LOCATION_VERIFICATION.AREA_NOT_COVERED"


def test_possession_is_of_the_sim_and_not_of_the_number(alba: RunningOperator) -> None:
    assert _verified(alba, "000101") == {"devicePhoneNumberVerified": True}
    assert _verified(alba, "000111") == {"devicePhoneNumberVerified": False}
    minted = alba.control.operator_token(alba.number("000111"))
    assert _verified(alba, "000111", minted) == {"devicePhoneNumberVerified": False}
    assert _verified(alba, "000101", minted) == {"devicePhoneNumberVerified": True}


def test_the_number_of_the_sim_is_told_and_its_hash_is_checked(alba: RunningOperator) -> None:
    subject, scope = "operatortoken:ot-34600000101", "number-verification:device-phone-number:read"
    shared = alba.client.call(alba.client.token_for(subject, scope), "/number-verification/v2/device-phone-number")
    assert shared.json() == {"devicePhoneNumber": "+34600000101"}
    for number, verified in (("+34600000101", True), ("34600000101", False)):
        hashed = hashlib.sha256(number.encode()).hexdigest().upper()
        token = alba.client.token_for(subject, "number-verification:verify")
        answer = alba.client.call(token, "/number-verification/v2/verify", {"hashedPhoneNumber": hashed})
        assert answer.json() == {"devicePhoneNumberVerified": verified}


def test_consent_can_be_withdrawn_between_token_and_call(alba: RunningOperator) -> None:
    number = alba.number("000101")
    token = alba.client.token_for(f"operatortoken:ot-{number[1:]}", "sim-swap:check")
    assert alba.client.call(token, "/sim-swap/v2/check", {}).status_code == 200
    alba.control.event(number, {"type": "consent", "granted": False, "api": "sim-swap"})
    refused = alba.client.call(token, "/sim-swap/v2/check", {})
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    assert alba.client.ask_three_legged(f"operatortoken:ot-{number[1:]}", "sim-swap:check").status_code == 400
    assert _device(alba, "000101", "check") == {"swapped": False}
    assert _sim_check(alba, "000109")["code"] == "PERMISSION_DENIED"


def test_tokens_age_only_when_asked_to(alba: RunningOperator) -> None:
    token = alba.client.token("sim-swap")
    body = {"phoneNumber": alba.number("000101")}
    alba.control.advance(901)
    assert alba.client.call(token, "/sim-swap/v2/check", body).status_code == 200
    alba.control.advance(899, authorization=True)
    assert alba.client.call(token, "/sim-swap/v2/check", body).status_code == 200
    alba.control.advance(1, authorization=True)
    assert alba.client.call(token, "/sim-swap/v2/check", body).status_code == 401


points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
lengths = st.floats(1, 200_000)


@given(points, points)
def test_a_distance_is_the_same_both_ways_and_never_round_the_world(one: Any, other: Any) -> None:
    there = distance_m(*one, *other)
    assert 0 <= there <= 20_016_000
    assert there == pytest.approx(distance_m(*other, *one), abs=1e-3)


@given(lengths, lengths, st.floats(0, 500_000))
def test_a_share_is_a_share_and_falls_with_distance(radius: float, within: float, apart: float) -> None:
    share = share_inside(radius, within, apart)
    assert 0.0 <= share <= 1.0 + 1e-9
    assert share_inside(radius, within, apart + 1000) <= share + 1e-6
    # What lies in both circles is the same area, whichever is asked.
    back = share_inside(within, radius, apart)
    assert share * radius**2 == pytest.approx(back * within**2, rel=1e-4, abs=within**2 * 1e-6 + radius**2 * 1e-6)


@given(st.lists(st.integers(-1000, 1000), max_size=30), st.integers(-1000, 1000))
def test_what_is_known_is_the_last_event_so_far(offsets: list[int], now: int) -> None:
    history = [Entry(NOON + timedelta(seconds=offset), SimChange()) for offset in sorted(offsets)]
    past = [offset for offset in offsets if offset <= now]
    changed = line_at(history, NOON + timedelta(seconds=now)).sim_changed_at
    assert changed == (NOON + timedelta(seconds=max(past)) if past else None)


def test_madrid_and_barcelona_are_505_km_apart() -> None:
    assert distance_m(40.4168, -3.7038, 41.3874, 2.1686) == pytest.approx(505_000, rel=0.01)
    assert Seen(0, 0).radius_m == 500
