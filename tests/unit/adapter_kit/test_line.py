"""What every call has in common: token, headers, identifier by the token's kind, one second try, the echo."""

from datetime import date
from typing import Any

import httpx
import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara import APIS, SIGNALS
from broker.adapter_kit.camara.line import ApiLine, IdentifierRule
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.transport import Transport
from broker.domain.check import Claims
from broker.domain.signal import SignalName, Unavailability
from tests.unit.adapter_kit.pretend import CORRELATOR, MADRID, PretendOperator, camara_error, ok, query

U = Unavailability

SUCCESS: dict[str, object] = {
    "latestSimChange": None,
    "latestDeviceChange": None,
    "monitoredPeriod": 30,
    "active": False,
    "devicePhoneNumberVerified": True,
    "verificationResult": "TRUE",
    "lastLocationTime": "2026-11-22T11:50:00Z",
    "lastStatusTime": "2026-11-22T11:50:00Z",
    "phoneNumberRecycled": False,
    "tenureDateCheck": True,
    "nameMatch": "true",
    "ageCheck": "true",
    "roaming": False,
    "reachable": True,
    "reachabilityStatus": "CONNECTED_DATA",
    "voiceSmsIn": "active",
    "voiceSmsOut": "active",
    "dataService": "active",
    "connectedNetworkType": "5G",
    "tac": "35293411",
    "score": 50,
    "connectivityStatus": "CONNECTED_SMS",
    "imeiBind": {"bindStatus": "BOUND"},
    "areaLimit": {"areaLimitStatus": "RESTRICTED"},
    "scoringType": "gaugeMetric",
    "scoringValue": 700,
}
CLIENT, TEL, SIM = Flow.CLIENT_CREDENTIALS, Flow.JWT_BEARER_TEL, Flow.JWT_BEARER_OPERATOR_TOKEN


def answering(*answers: Any) -> PretendOperator:
    operator = PretendOperator()
    for api, version in APIS:
        for operation in APIS[api, version].scopes:
            operator.answers[f"/{api}/{operation}"] = list(answers) or [ok(SUCCESS)]
    return operator


async def ask(operator: PretendOperator, api: str, version: str, flow: Flow = CLIENT, **terms: Any) -> None:
    bound = operator.bind(api, version, flow, **terms)
    known = {"bound_since": date(2024, 5, 1), "claims": Claims(name="Ana"), "age_threshold_years": 18}
    question = query(SIGNALS[api], location=MADRID, operator_token="opaque", **known)
    await bound.version.ask(ApiLine(bound, question))


async def fault_of(operator: PretendOperator, **terms: Any) -> OperatorFault:
    with pytest.raises(OperatorFault) as caught:
        await ask(operator, "sim-swap", "2.1.0", **terms)
    return caught.value


def names_subject(body: dict[str, Any]) -> bool:
    return "phoneNumber" in body or "device" in body


@pytest.mark.parametrize(("api", "version"), [key for key in APIS if key[0] != "number-verification"])
@pytest.mark.parametrize("flow", [CLIENT, TEL, SIM])
@pytest.mark.parametrize("rule", [None, *IdentifierRule])
async def test_the_body_names_the_subject_by_the_kind_of_token_or_as_the_operator_wants(
    api: str, version: str, flow: Flow, rule: IdentifierRule | None
) -> None:
    operator = answering()
    effective = rule or APIS[api, version].identifier
    await ask(operator, api, version, flow, identifier=effective)
    expected = {IdentifierRule.ALWAYS: True, IdentifierRule.NEVER: False}.get(effective, flow is CLIENT)
    assert names_subject(operator.bodies[0]) is expected


@pytest.mark.parametrize(
    ("api", "version"), [("sim-swap", "0.4.0"), ("location-verification", "0.2.0"), ("device-status", "0.5.1")]
)
def test_the_oldest_releases_name_the_subject_whatever_the_token(api: str, version: str) -> None:
    assert APIS[api, version].identifier is IdentifierRule.ALWAYS


async def test_a_three_legged_call_without_parameters_sends_an_empty_object() -> None:
    operator = answering()
    await ask(operator, "sim-swap", "2.1.0", TEL)
    assert operator.bodies == [{}]


@pytest.mark.parametrize(("plus", "number"), [(True, "+34600000101"), (False, "34600000101")])
async def test_the_number_is_written_as_the_operator_wants(plus: bool, number: str) -> None:
    operator = answering()
    await ask(operator, "sim-swap", "2.1.0", phone_plus=plus)
    assert operator.bodies == [{"phoneNumber": number}]


async def test_headers_carry_token_and_correlator() -> None:
    operator = answering()
    await ask(operator, "sim-swap", "2.1.0")
    path, _, headers = operator.calls[0]
    assert path == "/sim-swap/retrieve-date"
    assert headers["authorization"] == "Bearer token-1"
    assert headers["x-correlator"] == CORRELATOR
    assert headers["content-type"] == "application/json"


async def test_a_401_is_tried_again_once_with_a_new_token() -> None:
    operator = answering(camara_error(401, "UNAUTHENTICATED"), ok(SUCCESS))
    await ask(operator, "sim-swap", "2.1.0")
    assert [headers["authorization"] for _, _, headers in operator.calls] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "AUTHENTICATION_REQUIRED"])
async def test_a_second_401_is_an_error_of_the_operator(code: str) -> None:
    operator = answering(camara_error(401, code))
    fault = await fault_of(operator)
    assert (fault.reason, fault.code) == (U.OPERATOR_ERROR, code)
    assert (len(operator.calls), len(operator.forms)) == (2, 2)


@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 500, 503])
async def test_nothing_else_is_tried_again(status: int) -> None:
    operator = answering(camara_error(status, "IDENTIFIER_NOT_FOUND"))
    await fault_of(operator, scopes={"retrieve-date": "sim-swap:retrieve-date"})
    assert len(operator.calls) == 1


@pytest.mark.parametrize("status", [201, 202, 204, 206])
async def test_another_success_than_200_is_malformed(status: int) -> None:
    fault = await fault_of(answering(httpx.Response(status, json=SUCCESS)))
    assert (fault.reason, fault.code) == (U.MALFORMED, KitCode.UNEXPECTED_STATUS)


async def test_another_correlator_is_malformed_whatever_the_manifest_says() -> None:
    for required in (True, False):
        fault = await fault_of(answering(ok(SUCCESS, **{"x-correlator": "another"})), echo_required=required)
        assert (fault.reason, fault.code) == (U.MALFORMED, KitCode.CORRELATOR_MISMATCH)


@pytest.mark.parametrize(
    ("named", "believed"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("text/html", False),
        ("application/octet-stream", False),
        ("application/json, text/html", False),
        ("", False),
    ],
)
async def test_an_answer_that_calls_itself_something_else_than_json_is_malformed(named: str, believed: bool) -> None:
    operator = answering(ok(SUCCESS, **{"content-type": named}))
    if believed:
        await ask(operator, "sim-swap", "2.1.0")
    else:
        fault = await fault_of(operator)
        assert (fault.reason, fault.code) == (U.MALFORMED, KitCode.MEDIA_TYPE_UNKNOWN)
    await ask(operator, "sim-swap", "2.1.0", media_types=frozenset({named.partition(";")[0].lower()}))


@pytest.mark.parametrize("required", [True, False])
async def test_no_correlator_is_malformed_unless_the_manifest_tolerates_it(required: bool) -> None:
    operator = PretendOperator()
    tokens = operator.tokens()

    async def silent(request: httpx.Request) -> httpx.Response:
        return ok(SUCCESS)

    bound = operator.bind("sim-swap", "2.1.0", echo_required=required)
    mute = type(bound)(bound.version, bound.terms, Transport(httpx.MockTransport(silent)), tokens, operator.clock)
    question = query(SignalName.SIM_SWAP)
    if required:
        with pytest.raises(OperatorFault, match="CORRELATOR_MISMATCH"):
            await mute.version.ask(ApiLine(mute, question))
    else:
        assert (await mute.version.ask(ApiLine(mute, question))).window is not None


async def test_a_deadline_that_passed_while_the_token_was_fetched_stops_the_call() -> None:
    operator = answering()

    def slow(form: dict[str, str]) -> httpx.Response:
        operator.clock.advance(5)
        return ok({"access_token": "t", "token_type": "bearer", "expires_in": 300})

    operator.token_answers = [slow]
    fault = await fault_of(operator)
    assert (fault.reason, fault.code) == (U.TIMEOUT, KitCode.DEADLINE)
    assert operator.calls == []


async def test_an_operation_may_need_more_than_one_scope() -> None:
    operator = answering()
    await ask(operator, "sim-swap", "2.1.0", scopes={"retrieve-date": "sim-swap openid"})
    assert operator.forms[0]["scope"] == "dpv:FraudPreventionAndDetection sim-swap openid"
