"""number-recycling and kyc-tenure: which day is asked about, and what the answers say."""

from datetime import date
from typing import Any

import pytest

from broker.adapter_kit.camara import APIS
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.domain.signal import Contract, Flag, Tenure, Unavailability, Window
from tests.unit.adapter_kit.asking import answering, ask, refused, versions
from tests.unit.adapter_kit.pretend import PretendOperator, camara_error

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
    assert operator.bodies == [{"phoneNumber": "+34600000101", MEMBER[api]: sent}]


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
    assert (reading.value, reading.window) == (value, None)


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
