"""number-recycling and kyc-tenure: which day is asked about, and what the answers say."""

import math
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from broker.adapter_kit.camara import APIS
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.domain.signal import AgeRange, Contract, Flag, Tenure, Unavailability, Window
from tests.support.clocks import NOON
from tests.unit.adapter_kit.asking import answering, ask, refused, versions
from tests.unit.adapter_kit.pretend import PretendOperator, camara_error, ok

U = Unavailability
RECYCLING, TENURE = "number-recycling", "kyc-tenure"
BOTH = [(api, version) for api, version in APIS if api in {RECYCLING, TENURE}]
OPERATION = {RECYCLING: "check", TENURE: "check-tenure"}
MEMBER = {RECYCLING: "specifiedDate", TENURE: "tenureDate"}
CLEAN = {RECYCLING: {"phoneNumberRecycled": False}, TENURE: {"tenureDateCheck": True}}
BOUND = date(2024, 5, 1)
LAX: list[object] = ["false", "true", "not_available", 0, 1, None, []]


def clean(api: str) -> PretendOperator:
    return answering(api, OPERATION[api], CLEAN[api])


@pytest.mark.parametrize(("api", "version"), BOTH)
@pytest.mark.parametrize(
    ("bound", "sent"),
    [
        (BOUND, "2024-05-01"),
        (date(2026, 11, 21), "2026-11-21"),
        (date(2026, 11, 22), "2026-11-21"),
        (date(2026, 11, 23), "2026-11-21"),
        (date(1999, 12, 31), "1999-12-31"),
    ],
)
async def test_the_newest_day_asked_about_is_yesterday(api: str, version: str, bound: date, sent: str) -> None:
    operator = clean(api)
    await ask(operator, api, version, bound_since=bound)
    assert operator.bodies[0] == {"phoneNumber": "+34600000101", MEMBER[api]: sent}
    assert len(operator.bodies) <= (2 if api == TENURE else 1)


@pytest.mark.parametrize(("api", "version"), BOTH)
@pytest.mark.parametrize(
    ("bound", "code"),
    [(None, KitCode.NO_DAY_GIVEN), (date(2026, 11, 24), KitCode.FUTURE_DAY), (date.max, "FUTURE_DAY")],
)
async def test_without_a_day_that_has_been_nothing_is_asked(
    api: str, version: str, bound: date | None, code: str
) -> None:
    operator = clean(api)
    fault = await refused(operator, api, version, bound_since=bound)
    assert (fault.reason, fault.code, operator.calls) == (U.NOT_APPLICABLE, code, [])


@pytest.mark.parametrize(("api", "version"), BOTH)
async def test_a_token_that_names_the_subject_leaves_only_the_day(api: str, version: str) -> None:
    operator = clean(api)
    await ask(operator, api, version, {"flow": Flow.JWT_BEARER_TEL}, bound_since=BOUND)
    assert operator.bodies == [{MEMBER[api]: "2024-05-01"}]


@pytest.mark.parametrize(("api", "version"), BOTH)
async def test_a_day_beyond_the_operators_memory_is_not_answered(api: str, version: str) -> None:
    operator = PretendOperator()
    operator.on(f"/{api}/{OPERATION[api]}", camara_error(400, "OUT_OF_RANGE"))
    fault = await refused(operator, api, version, bound_since=BOUND)
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, "OUT_OF_RANGE")


@pytest.mark.parametrize("version", versions(RECYCLING))
@pytest.mark.parametrize("recycled", [True, False])
async def test_recycling_carries_the_period_that_it_covers(version: str, recycled: bool) -> None:
    operator = answering(RECYCLING, "check", {"phoneNumberRecycled": recycled, "new": 1})
    reading = await ask(operator, RECYCLING, version, bound_since=date(2026, 11, 20))
    assert (reading.value, reading.window) == (Flag(recycled), Window(2.5 * 86_400))


DAY_S, HOUR_S = 86_400.0, 3_600.0


@pytest.mark.parametrize("version", versions(TENURE))
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"tenureDateCheck": True}, Tenure(BOUND, continuous=True)),
        ({"tenureDateCheck": False}, Tenure(BOUND, continuous=False)),
        ({"tenureDateCheck": True, "contractType": "PAYG"}, Tenure(BOUND, continuous=True, contract=Contract.PREPAID)),
        ({"tenureDateCheck": True, "contractType": "PAYM"}, Tenure(BOUND, continuous=True, contract=Contract.POSTPAID)),
        (
            {"tenureDateCheck": False, "contractType": "Business"},
            Tenure(BOUND, continuous=False, contract=Contract.BUSINESS),
        ),
    ],
)
async def test_tenure_is_of_the_day_asked_about(version: str, answer: dict[str, object], value: Tenure) -> None:
    reading = await ask(answering(TENURE, "check-tenure", answer), TENURE, version, bound_since=BOUND)
    assert isinstance(reading.value, Tenure)
    assert (replace(reading.value, began=None), reading.window) == (value, None)


def began_on(day: date) -> PretendOperator:
    """An operator whose contract with the person began on that day."""
    operator = PretendOperator()
    operator.on(
        "/kyc-tenure/check-tenure", lambda body: ok({"tenureDateCheck": day <= date.fromisoformat(body["tenureDate"])})
    )
    return operator


@pytest.mark.parametrize(
    ("began", "bound", "asked"),
    [
        (date(2020, 1, 1), BOUND, 1),
        (date(2020, 1, 1), date(2026, 10, 1), 1),
        (date(2020, 1, 1), date(2026, 11, 20), 2),
        (date(2026, 11, 20), date(2026, 11, 20), 2),
        (date(2026, 11, 21), date(2026, 11, 22), 2),
        (date(2026, 10, 1), BOUND, 2),
        *((date(2026, 11, 22) - timedelta(days=days), BOUND, 7) for days in range(30)),
        (date(2026, 11, 18), date(2026, 11, 12), 5),
    ],
)
async def test_a_young_tenure_is_narrowed_to_its_day_with_few_questions(began: date, bound: date, asked: int) -> None:
    operator = began_on(began)
    value = (await ask(operator, TENURE, "0.2.0", bound_since=bound, deadline_s=1e9)).value
    assert isinstance(value, Tenure)
    assert value.began is not None
    assert value.continuous is (began <= bound)
    age_s = (NOON - datetime.combine(began, time(), UTC)).total_seconds()
    high_s = math.inf if value.began.at_most_s is None else value.began.at_most_s
    assert value.began.at_least_s <= age_s <= high_s
    assert len(operator.bodies) <= asked
    if began > NOON.date() - timedelta(days=30) and not value.continuous:
        assert high_s - value.began.at_least_s <= 4 * DAY_S


async def test_no_beginning_is_claimed_that_another_zone_would_deny() -> None:
    value = (await ask(began_on(date(2026, 11, 20)), TENURE, "0.2.0", bound_since=date(2026, 11, 20))).value
    assert isinstance(value, Tenure)
    assert value.began == AgeRange(1.5 * DAY_S - 12 * HOUR_S, 3.5 * DAY_S + 14 * HOUR_S)


@pytest.mark.parametrize("trouble", [camara_error(400, "OUT_OF_RANGE"), camara_error(429, "TOO_MANY_REQUESTS")])
async def test_trouble_while_narrowing_leaves_the_answer_that_there_is(trouble: Any) -> None:
    operator = PretendOperator()
    operator.on("/kyc-tenure/check-tenure", ok({"tenureDateCheck": False}), trouble)
    value = (await ask(operator, TENURE, "0.2.0", bound_since=BOUND)).value
    assert isinstance(value, Tenure)
    assert value.began == AgeRange(0.0, (NOON - datetime.combine(BOUND, time(), UTC)).total_seconds() + 14 * HOUR_S)


async def test_a_malformed_answer_while_narrowing_spoils_the_whole() -> None:
    operator = PretendOperator()
    operator.on("/kyc-tenure/check-tenure", ok({"tenureDateCheck": False}), ok({"tenureDateCheck": "true"}))
    assert (await refused(operator, TENURE, "0.2.0", bound_since=BOUND)).reason is U.MALFORMED


async def test_no_more_is_asked_once_little_time_is_left() -> None:
    operator = PretendOperator()

    def slow(_body: dict[str, Any]) -> httpx.Response:
        operator.clock.advance(0.4)
        return ok({"tenureDateCheck": False})

    operator.on("/kyc-tenure/check-tenure", slow)
    await ask(operator, TENURE, "0.2.0", bound_since=BOUND, deadline_s=operator.clock.monotonic_s() + 1.5)
    assert len(operator.bodies) == 1


@pytest.mark.parametrize(
    ("api", "body"),
    [
        *((RECYCLING, {"phoneNumberRecycled": lax}) for lax in LAX),
        *((TENURE, {"tenureDateCheck": lax}) for lax in LAX),
        (RECYCLING, {}),
        (TENURE, {"contractType": "PAYG"}),
        (TENURE, {"tenureDateCheck": True, "contractType": "BUSINESS"}),
        (RECYCLING, '{"phoneNumberRecycled":true,"phoneNumberRecycled":false}'),
        (TENURE, '{"tenureDateCheck":false,"tenureDateCheck":true}'),
    ],
)
async def test_anything_else_is_malformed(api: str, body: Any) -> None:
    for version in versions(api):
        fault = await refused(answering(api, OPERATION[api], body), api, version, bound_since=BOUND)
        assert fault.reason is U.MALFORMED
