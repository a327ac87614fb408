"""sim-swap and device-swap: what each answer is allowed to mean, over every release that the kit speaks."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara import APIS, SIGNALS
from broker.adapter_kit.camara.line import ApiLine, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.domain.signal import AgeRange, Unavailability, Window
from tests.unit.adapter_kit.pretend import PretendOperator, camara_error, ok, query

U = Unavailability

HOUR_S, DAY_S = 3600.0, 86_400.0
MEMBER = {"sim-swap": "latestSimChange", "device-swap": "latestDeviceChange"}
SWAPS = [key for key in APIS if key[0] in MEMBER]
NEWEST = [("sim-swap", "2.1.0"), ("device-swap", "1.0.0")]


async def ask(
    operator: PretendOperator, api: str, version: str, *, window_s: float = 30 * DAY_S, **terms: Any
) -> Reading:
    flow = Flow.JWT_BEARER_TEL if Flow.CLIENT_CREDENTIALS not in APIS[api, version].flows else Flow.CLIENT_CREDENTIALS
    bound = operator.bind(api, version, **{"flow": flow, **terms})
    return await bound.version.ask(ApiLine(bound, query(SIGNALS[api], window_s=window_s)))


async def fault_of(operator: PretendOperator, api: str, version: str, **terms: Any) -> OperatorFault:
    with pytest.raises(OperatorFault) as caught:
        await ask(operator, api, version, **terms)
    return caught.value


def dated(operator: PretendOperator, api: str, date: object, **more: object) -> None:
    operator.on(f"/{api}/retrieve-date", ok({MEMBER[api]: date, **more}))


def swapped_before(hours: float) -> Callable[[dict[str, Any]], httpx.Response]:
    """A line whose last swap is so many hours ago."""
    return lambda body: ok({"swapped": hours < body["maxAge"]})


@pytest.mark.parametrize(("api", "version"), SWAPS)
@pytest.mark.parametrize(
    ("date", "age_s"),
    [
        ("2026-11-22T09:00:00Z", 3 * HOUR_S),
        ("2026-11-22T11:00:00+02:00", 3 * HOUR_S),
        ("2026-11-21T23:00:00-10:00", 3 * HOUR_S),
        ("2023-11-22T12:00:00.000000001Z", 1096 * DAY_S),
        ("2026-11-22T12:00:30Z", 0.0),
    ],
)
async def test_a_date_is_an_age_with_two_equal_ends(api: str, version: str, date: str, age_s: float) -> None:
    operator = PretendOperator()
    dated(operator, api, date, monitoredPeriod=30, futureMember={"x": 1})
    assert await ask(operator, api, version) == Reading(AgeRange(age_s, age_s))
    assert len(operator.calls) == 1


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_null_with_a_period_says_not_within_it_and_nothing_of_before(api: str, version: str) -> None:
    operator = PretendOperator()
    dated(operator, api, None, monitoredPeriod=120)
    assert await ask(operator, api, version) == Reading(AgeRange(120 * DAY_S, None), Window(120 * DAY_S))


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_a_tiny_period_is_told_as_it_is(api: str, version: str) -> None:
    """A day, or an hour's window, is next to nothing; what it covers travels with it, and policy may refuse it."""
    operator = PretendOperator()
    dated(operator, api, None, monitoredPeriod=1)
    assert await ask(operator, api, version) == Reading(AgeRange(DAY_S, None), Window(DAY_S))
    narrow = PretendOperator()
    narrow.on(f"/{api}/check", ok({"swapped": False}))
    reading = await ask(narrow, api, version, window_s=60.0, scopes={"check": f"{api}:check"})
    assert reading == Reading(AgeRange(HOUR_S, None), Window(HOUR_S))


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_null_without_a_period_says_nothing(api: str, version: str) -> None:
    operator = PretendOperator()
    dated(operator, api, None)
    fault = await fault_of(operator, api, version)
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.NO_MONITORED_PERIOD)


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_null_without_a_period_is_asked_again_as_a_window_which_has_a_bound(api: str, version: str) -> None:
    operator = PretendOperator()
    dated(operator, api, None)
    operator.on(f"/{api}/check", swapped_before(31 * 24))
    assert await ask(operator, api, version) == Reading(AgeRange(30 * DAY_S, None), Window(30 * DAY_S))


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_a_window_that_fails_is_not_hidden_behind_the_date_that_said_nothing(api: str, version: str) -> None:
    operator = PretendOperator()
    dated(operator, api, None)
    operator.on(f"/{api}/check", camara_error(503, "UNAVAILABLE"))
    assert (await fault_of(operator, api, version)).reason is U.OPERATOR_ERROR


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_an_absent_date_says_nothing_where_it_may_be_absent_and_is_malformed_elsewhere(
    api: str, version: str
) -> None:
    operator = PretendOperator()
    operator.on(f"/{api}/retrieve-date", ok({"monitoredPeriods": 3}))
    fault = await fault_of(operator, api, version)
    expected = U.NOT_APPLICABLE if (api, version) == ("sim-swap", "0.4.0") else U.MALFORMED
    assert fault.reason is expected


@pytest.mark.parametrize(("api", "version"), NEWEST)
@pytest.mark.parametrize(
    ("date", "period", "code"),
    [
        ("1900-01-01T00:00:00Z", None, KitCode.ABSURD_DATE),
        ("1970-01-01T00:00:00Z", 30, KitCode.ABSURD_DATE),
        ("9999-12-31T00:00:00Z", None, KitCode.ABSURD_DATE),
        ("2026-11-22T12:02:00Z", None, KitCode.ABSURD_DATE),
        ("2026-11-21T12:00:00", None, KitCode.WRONG_TYPE),
        ("2026-11-21", None, KitCode.WRONG_TYPE),
        ("01-01-1900", None, KitCode.WRONG_TYPE),
        ("", 30, KitCode.WRONG_TYPE),
        ("null", 30, KitCode.WRONG_TYPE),
        (1763812800, None, KitCode.WRONG_TYPE),
        (False, None, KitCode.WRONG_TYPE),
        (None, 0, KitCode.ABSURD_VALUE),
        (None, -1, KitCode.ABSURD_VALUE),
        (None, 10**9, KitCode.ABSURD_VALUE),
        (None, "30", KitCode.WRONG_TYPE),
        (None, True, KitCode.WRONG_TYPE),
        (None, 1.5, KitCode.WRONG_TYPE),
    ],
)
async def test_an_absurd_date_or_period_is_malformed(
    api: str, version: str, date: object, period: object, code: KitCode
) -> None:
    operator = PretendOperator()
    dated(operator, api, date, monitoredPeriod=period)
    fault = await fault_of(operator, api, version)
    assert (fault.reason, fault.code) == (U.MALFORMED, code)


async def test_two_dates_are_malformed() -> None:
    operator = PretendOperator()
    body = '{"latestSimChange":"2026-11-22T09:00:00Z","latestSimChange":"2020-11-22T09:00:00Z"}'
    operator.on("/sim-swap/retrieve-date", ok(body))
    assert (await fault_of(operator, "sim-swap", "2.1.0")).code == KitCode.DUPLICATE_MEMBER


SENTINELS = {"01-01-1900": "no_event", "1970-01-01T00:00:00Z": "no_data"}


async def test_a_declared_stand_in_is_read_as_declared() -> None:
    operator = PretendOperator()
    dated(operator, "sim-swap", "01-01-1900", monitoredPeriod=10)
    reading = await ask(operator, "sim-swap", "2.1.0", sentinel_dates=SENTINELS)
    assert reading == Reading(AgeRange(10 * DAY_S, None), Window(10 * DAY_S))


@pytest.mark.parametrize(
    ("date", "code"), [("01-01-1900", KitCode.NO_MONITORED_PERIOD), ("1970-01-01T00:00:00Z", KitCode.NO_DATE)]
)
async def test_a_declared_stand_in_is_never_the_age_of_anything(date: str, code: KitCode) -> None:
    operator = PretendOperator()
    dated(operator, "sim-swap", date)
    fault = await fault_of(operator, "sim-swap", "2.1.0", sentinel_dates=SENTINELS)
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, code)


ONLY_CHECK = {"check": "sim-swap:check"}


@pytest.mark.parametrize(
    ("age_h", "expected", "asked_h"),
    [
        (1000, AgeRange(720 * HOUR_S, None), [720]),
        (200, AgeRange(168 * HOUR_S, 720 * HOUR_S), [720, 72, 168]),
        (100, AgeRange(72 * HOUR_S, 168 * HOUR_S), [720, 72, 168]),
        (30, AgeRange(24 * HOUR_S, 72 * HOUR_S), [720, 72, 24]),
        (3, AgeRange(0.0, 24 * HOUR_S), [720, 72, 24]),
    ],
)
async def test_windows_narrow_an_interval_from_the_widest(age_h: float, expected: AgeRange, asked_h: list[int]) -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", swapped_before(age_h))
    reading = await ask(operator, "sim-swap", "2.1.0", scopes=ONLY_CHECK)
    assert reading == Reading(expected, Window(720 * HOUR_S))
    assert [body["maxAge"] for body in operator.bodies] == asked_h


@pytest.mark.parametrize(
    ("window_s", "max_s", "first_h"),
    [(30 * DAY_S, 100 * HOUR_S, 100), (10.0, 2400 * HOUR_S, 1), (5000 * HOUR_S, 2400 * HOUR_S, 2400), (5401.0, 1e9, 2)],
)
async def test_the_widest_window_is_in_whole_hours_within_the_operators_limit(
    window_s: float, max_s: float, first_h: int
) -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", ok({"swapped": False}))
    reading = await ask(operator, "sim-swap", "2.1.0", scopes=ONLY_CHECK, window_s=window_s, window_max_s=max_s)
    assert operator.bodies == [{"phoneNumber": "+34600000101", "maxAge": first_h}]
    assert reading == Reading(AgeRange(first_h * HOUR_S, None), Window(first_h * HOUR_S))


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_out_of_range_shrinks_once_and_the_window_says_so(api: str, version: str) -> None:
    operator = PretendOperator()
    operator.on(f"/{api}/check", camara_error(400, "OUT_OF_RANGE"), ok({"swapped": False}))
    reading = await ask(operator, api, version, scopes={"check": f"{api}:check"})
    assert reading == Reading(AgeRange(168 * HOUR_S, None), Window(168 * HOUR_S))
    assert [body["maxAge"] for body in operator.bodies] == [720, 168]


async def test_out_of_range_twice_is_not_applicable() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", camara_error(400, "OUT_OF_RANGE"))
    fault = await fault_of(operator, "sim-swap", "2.1.0", scopes=ONLY_CHECK)
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, "OUT_OF_RANGE")
    assert len(operator.calls) == 2


async def test_a_swap_within_the_shrunken_window_is_narrowed_below_it() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", camara_error(400, "OUT_OF_RANGE"), swapped_before(30))
    reading = await ask(operator, "sim-swap", "2.1.0", scopes=ONLY_CHECK)
    assert reading == Reading(AgeRange(24 * HOUR_S, 72 * HOUR_S), Window(168 * HOUR_S))


@pytest.mark.parametrize(("api", "version"), SWAPS)
@pytest.mark.parametrize(
    "missing", [httpx.Response(404, text="<html>"), httpx.Response(405), camara_error(501, "NOT_IMPLEMENTED")]
)
async def test_a_missing_path_falls_back_to_windows(api: str, version: str, missing: httpx.Response) -> None:
    operator = PretendOperator()
    operator.on(f"/{api}/retrieve-date", missing)
    operator.on(f"/{api}/check", ok({"swapped": False}))
    reading = await ask(operator, api, version)
    assert reading == Reading(AgeRange(720 * HOUR_S, None), Window(720 * HOUR_S))


async def test_neither_path_is_unsupported() -> None:
    fault = await fault_of(PretendOperator(), "sim-swap", "2.1.0")
    assert fault.reason is U.UNSUPPORTED


@pytest.mark.parametrize(("api", "version"), SWAPS)
async def test_an_unknown_number_is_told_in_the_words_of_the_release_and_not_asked_again(
    api: str, version: str
) -> None:
    code = {"0.4.0": "SIM_SWAP.UNKNOWN_PHONE_NUMBER", "1.0.0": "NOT_FOUND", "0.1.0": "NOT_FOUND"}.get(version)
    if code is None or (api == "device-swap" and version.startswith("1.")):
        code = "IDENTIFIER_NOT_FOUND"
    operator = PretendOperator()
    operator.on(f"/{api}/retrieve-date", camara_error(404, code))
    fault = await fault_of(operator, api, version)
    assert (fault.reason, fault.code) == (U.UNKNOWN_SUBSCRIBER, code)
    assert len(operator.calls) == 1


@pytest.mark.parametrize("swapped", ["false", "true", 0, 1, None, "FALSE"])
async def test_a_lax_boolean_is_malformed(swapped: object) -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", ok({"swapped": swapped}))
    fault = await fault_of(operator, "sim-swap", "2.1.0", scopes=ONLY_CHECK)
    assert (fault.reason, fault.code) == (U.MALFORMED, KitCode.WRONG_TYPE)


async def test_one_bad_answer_while_narrowing_spoils_the_whole() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", ok({"swapped": True}), camara_error(503, "UNAVAILABLE"))
    assert (await fault_of(operator, "sim-swap", "2.1.0", scopes=ONLY_CHECK)).code == "UNAVAILABLE"
