"""Location, number verification and call forwarding: what is asked, and what each answer may mean."""

from typing import Any

import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara import APIS, SIGNALS
from broker.adapter_kit.camara.line import ApiLine, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.domain.check import Circle
from broker.domain.signal import Flag, Match, Overlap, Presence, SignalName, Unavailability
from tests.unit.adapter_kit.pretend import MADRID, PretendOperator, camara_error, ok, query

U = Unavailability

LOCATIONS = [key for key in APIS if key[0] == "location-verification"]
FORWARDINGS = [key for key in APIS if key[0] == "call-forwarding-signal"]
OLD_LOCATIONS = [key for key in LOCATIONS if key[1] != "3.0.0"]
RECENT = "2026-11-22T11:50:00Z"


async def ask(operator: PretendOperator, api: str, version: str, question: dict[str, Any], **terms: Any) -> Reading:
    bound = operator.bind(api, version, **terms)
    return await bound.version.ask(ApiLine(bound, query(SIGNALS[api], **question)))


async def locate(operator: PretendOperator, version: str, circle: Circle | None = MADRID, **terms: Any) -> Reading:
    return await ask(operator, "location-verification", version, {"location": circle}, **terms)


async def misplaced(operator: PretendOperator, version: str, circle: Circle | None = MADRID) -> OperatorFault:
    with pytest.raises(OperatorFault) as caught:
        await locate(operator, version, circle)
    return caught.value


def at(body: object) -> PretendOperator:
    operator = PretendOperator()
    operator.on("/location-verification/verify", ok(body))
    return operator


@pytest.mark.parametrize(("_api", "version"), LOCATIONS)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"verificationResult": "TRUE"}, Presence(Overlap.INSIDE, None, 600.0)),
        ({"verificationResult": "FALSE"}, Presence(Overlap.OUTSIDE, None, 600.0)),
        ({"verificationResult": "PARTIAL", "matchRate": 5}, Presence(Overlap.PARTIAL, 5, 600.0)),
        ({"verificationResult": "PARTIAL", "matchRate": 99}, Presence(Overlap.PARTIAL, 99, 600.0)),
        ({"verificationResult": "PARTIAL"}, Presence(Overlap.PARTIAL, None, 600.0)),
        (
            {"verificationResult": "FALSE", "device": {"phoneNumber": "+34600000101"}},
            Presence(Overlap.OUTSIDE, None, 600.0),
        ),
    ],
)
async def test_a_result_is_read_by_its_word(
    _api: str, version: str, answer: dict[str, object], expected: Presence
) -> None:
    assert await locate(at({**answer, "lastLocationTime": RECENT}), version) == Reading(expected)


@pytest.mark.parametrize(("_api", "version"), LOCATIONS)
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"verificationResult": True}, KitCode.WRONG_TYPE),
        ({"verificationResult": "true"}, KitCode.WRONG_TYPE),
        ({"verificationResult": "YES"}, KitCode.WRONG_TYPE),
        ({"verificationResult": ""}, KitCode.WRONG_TYPE),
        ({"verificationResult": None}, KitCode.WRONG_TYPE),
        ({}, KitCode.WRONG_TYPE),
        ({"verificationResult": "PARTIAL", "matchRate": 0}, KitCode.ABSURD_VALUE),
        ({"verificationResult": "PARTIAL", "matchRate": 100}, KitCode.ABSURD_VALUE),
        ({"verificationResult": "PARTIAL", "matchRate": -5}, KitCode.ABSURD_VALUE),
        ({"verificationResult": "PARTIAL", "matchRate": "50"}, KitCode.WRONG_TYPE),
        ({"verificationResult": "PARTIAL", "matchRate": 50.5}, KitCode.WRONG_TYPE),
        ({"verificationResult": "TRUE", "matchRate": 50}, KitCode.ABSURD_VALUE),
        ({"verificationResult": "FALSE", "matchRate": 50}, KitCode.ABSURD_VALUE),
        ({"verificationResult": "TRUE", "lastLocationTime": "1970-01-01T00:00:00Z"}, KitCode.ABSURD_DATE),
        ({"verificationResult": "TRUE", "lastLocationTime": "2026-11-22T12:30:00Z"}, KitCode.ABSURD_DATE),
        ({"verificationResult": "TRUE", "lastLocationTime": "2026-11-22T11:50:00"}, KitCode.WRONG_TYPE),
    ],
)
async def test_anything_else_is_malformed(_api: str, version: str, answer: dict[str, object], code: KitCode) -> None:
    fault = await misplaced(at({"lastLocationTime": RECENT, **answer}), version)
    assert (fault.reason, fault.code) == (U.MALFORMED, code)


@pytest.mark.parametrize(("_api", "version"), OLD_LOCATIONS)
async def test_before_3_the_time_may_be_absent_and_unknown_is_an_answer_that_says_nothing(
    _api: str, version: str
) -> None:
    assert await locate(at({"verificationResult": "TRUE"}), version) == Reading(Presence(Overlap.INSIDE))
    fault = await misplaced(at({"verificationResult": "UNKNOWN"}), version)
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.LOCATION_UNKNOWN)


@pytest.mark.parametrize("answer", [{"verificationResult": "TRUE"}, {"verificationResult": "UNKNOWN"}])
async def test_since_3_both_are_malformed(answer: dict[str, object]) -> None:
    assert (await misplaced(at(answer), "3.0.0")).reason is U.MALFORMED


@pytest.mark.parametrize(("_api", "version"), LOCATIONS)
@pytest.mark.parametrize(
    ("radius_m", "min_m", "sent_m"),
    [(5000.0, 2000.0, 5000), (1.0, 2000.0, 2000), (100.0, 7500.0, 7500), (1.0, 10.0, 2000)],
)
async def test_a_small_circle_is_raised_to_what_may_be_asked(
    _api: str, version: str, radius_m: float, min_m: float, sent_m: int
) -> None:
    operator = at({"verificationResult": "TRUE", "lastLocationTime": RECENT})
    await locate(operator, version, Circle(40.4, -3.7, radius_m), radius_min_m=min_m)
    assert operator.bodies[0]["area"] == {
        "areaType": "CIRCLE",
        "center": {"latitude": 40.4, "longitude": -3.7},
        "radius": sent_m,
    }


async def test_whole_metres_and_a_maximum_before_3_neither_after() -> None:
    operator = at({"verificationResult": "TRUE", "lastLocationTime": RECENT})
    await locate(operator, "1.0.0", Circle(1, 2, 2000.4))
    await locate(operator, "3.0.0", Circle(1, 2, 2000.4))
    await locate(operator, "3.0.0", Circle(1, 2, 300_000.0))
    assert [body["area"]["radius"] for body in operator.bodies] == [2001, 2000.4, 300_000.0]
    assert isinstance(operator.bodies[0]["area"]["radius"], int)
    fault = await misplaced(operator, "2.0.0", Circle(1, 2, 200_001.0))
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.RADIUS_TOO_LARGE)


@pytest.mark.parametrize(("_api", "version"), LOCATIONS)
@pytest.mark.parametrize(
    ("window_s", "limit_s", "sent_s"), [(2_592_000.0, 3600.0, 3600), (600.0, 3600.0, 600), (1.0, 3600.0, 60)]
)
async def test_maximum_age_is_always_sent_in_seconds(
    _api: str, version: str, window_s: float, limit_s: float, sent_s: int
) -> None:
    operator = at({"verificationResult": "TRUE", "lastLocationTime": RECENT})
    question = {"location": MADRID, "window_s": window_s}
    await ask(operator, "location-verification", version, question, location_age_max_s=limit_s)
    assert operator.bodies[0]["maxAge"] == sent_s


async def test_without_a_circle_nothing_is_asked() -> None:
    operator = at({"verificationResult": "TRUE"})
    fault = await misplaced(operator, "3.0.0", None)
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.NO_LOCATION_GIVEN)
    assert operator.calls == []
    assert operator.forms == []


def forwarding(version: str) -> str:
    """The one operation that is asked, which was renamed in 0.5."""
    (operation,) = APIS["call-forwarding-signal", version].scopes
    return operation


@pytest.mark.parametrize(("api", "version"), FORWARDINGS)
@pytest.mark.parametrize("active", [True, False])
async def test_unconditional_forwarding_is_a_flag(api: str, version: str, active: bool) -> None:
    operator = PretendOperator()
    operator.on(f"/call-forwarding-signal/{forwarding(version)}", ok({"active": active}))
    assert await ask(operator, api, version, {}) == Reading(Flag(active))


@pytest.mark.parametrize(("api", "version"), FORWARDINGS)
@pytest.mark.parametrize(
    "body", [{}, {"active": None}, {"active": "inactive"}, {"active": 0}, "inactive", ["inactive"], []]
)
async def test_forwarding_without_a_boolean_is_malformed(api: str, version: str, body: object) -> None:
    operator = PretendOperator()
    operator.on(f"/call-forwarding-signal/{forwarding(version)}", ok(f'"{body}"' if isinstance(body, str) else body))
    with pytest.raises(OperatorFault) as caught:
        await ask(operator, api, version, {})
    assert (caught.value.reason, caught.value.code) == (U.MALFORMED, KitCode.WRONG_TYPE)


SIM = Flow.JWT_BEARER_OPERATOR_TOKEN


@pytest.mark.parametrize("verified", [True, False])
async def test_possession_is_claimed_in_the_body_and_authenticated_by_the_token(verified: bool) -> None:
    operator = PretendOperator()
    operator.on("/number-verification/verify", ok({"devicePhoneNumberVerified": verified}))
    question = {"operator_token": "opaque"}
    assert await ask(operator, "number-verification", "2.1.0", question, flow=SIM) == Reading(Match(verified))
    assert operator.bodies == [{"phoneNumber": "+34600000101"}]
    assert "assertion" in operator.forms[0]


@pytest.mark.parametrize("verified", ["true", "false", 1, 0, None, "TRUE"])
async def test_possession_takes_no_lax_boolean(verified: object) -> None:
    operator = PretendOperator()
    operator.on("/number-verification/verify", ok({"devicePhoneNumberVerified": verified}))
    with pytest.raises(OperatorFault) as caught:
        await ask(operator, "number-verification", "2.1.0", {"operator_token": "opaque"}, flow=SIM)
    assert caught.value.reason is U.MALFORMED


@pytest.mark.parametrize("token", [None, ""])
async def test_possession_without_an_operator_token_is_not_asked(token: str | None) -> None:
    operator = PretendOperator()
    with pytest.raises(OperatorFault) as caught:
        await ask(operator, "number-verification", "2.1.0", {"operator_token": token}, flow=SIM)
    assert (caught.value.reason, caught.value.code) == (U.NOT_APPLICABLE, KitCode.NO_OPERATOR_TOKEN)
    assert operator.forms == []


async def test_possession_is_never_tried_twice_with_what_can_be_spent_once() -> None:
    operator = PretendOperator()
    operator.on("/number-verification/verify", camara_error(401, "UNAUTHENTICATED"))
    with pytest.raises(OperatorFault):
        await ask(operator, "number-verification", "2.1.0", {"operator_token": "opaque"}, flow=SIM)
    assert (len(operator.forms), len(operator.calls)) == (1, 1)


def test_possession_can_never_be_vouched_for_by_the_number_itself() -> None:
    flows = APIS["number-verification", "2.1.0"].flows
    assert Flow.JWT_BEARER_TEL not in flows
    assert Flow.CLIENT_CREDENTIALS not in flows


def test_every_signal_has_an_api_and_every_api_gives_one_signal() -> None:
    assert set(SIGNALS.values()) == set(SignalName)
    for (api, version), known in APIS.items():
        assert (known.api, known.version, known.signal) == (api, version, SIGNALS[api])
