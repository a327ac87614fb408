"""Roaming, reachability, network, kind of device, usual place, services and scores: each word as it is released."""

from typing import Any

import pytest

from broker.adapter_kit.camara import APIS
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.domain.check import Claims
from broker.domain.signal import (
    Channel,
    DeviceModel,
    Frequency,
    LineStatus,
    NetworkType,
    Reachability,
    RiskScale,
    RiskScore,
    Roaming,
    ServiceState,
    Unavailability,
    Value,
)
from tests.unit.adapter_kit.asking import answering, ask, refused, versions
from tests.unit.adapter_kit.pretend import MADRID, PretendOperator, camara_error

U = Unavailability
S = ServiceState
ROAM, REACH, TYPE = "device-roaming-status", "device-reachability-status", "connected-network-type"
DEVICE, PLACE, LINE, SCORE = "device-identifier", "most-frequent-location", "subscription-status", "customer-insights"
OPERATION = {
    ROAM: "retrieve",
    REACH: "retrieve",
    TYPE: "retrieve",
    DEVICE: "retrieve-type",
    PLACE: "verify",
    LINE: "retrive-subscription-status",
    SCORE: "scoring/retrieve",
}
AT = {"lastStatusTime": "2026-11-22T12:50:00+01:00"}
HOME = {"voiceSmsIn": "active", "voiceSmsOut": "active", "dataService": "active"}

READ: list[tuple[str, dict[str, Any], Value]] = [
    (ROAM, {"roaming": False}, Roaming(roaming=False, status_age_s=600.0)),
    (ROAM, {"roaming": True}, Roaming(roaming=True, status_age_s=600.0)),
    (
        ROAM,
        {"roaming": True, "countryCode": 901, "countryName": []},
        Roaming(roaming=True, country_code=901, countries=(), status_age_s=600.0),
    ),
    (
        ROAM,
        {"roaming": True, "countryCode": 262, "countryName": ["DE"]},
        Roaming(roaming=True, country_code=262, countries=("DE",), status_age_s=600.0),
    ),
    (
        ROAM,
        {"roaming": True, "countryCode": 340, "countryName": ["GP", "MQ"]},
        Roaming(roaming=True, country_code=340, countries=("GP", "MQ"), status_age_s=600.0),
    ),
    (TYPE, {"connectedNetworkType": "2G"}, NetworkType(2, 600.0)),
    (TYPE, {"connectedNetworkType": "5G"}, NetworkType(5, 600.0)),
    (DEVICE, {"tac": "35293411"}, DeviceModel("35293411")),
    (
        DEVICE,
        {"tac": "35293411", "model": "3110", "manufacturer": "Nokia", "lastChecked": "2026-11-22T11:00:00Z"},
        DeviceModel("35293411", "3110", "Nokia", 3600.0),
    ),
    (PLACE, {"score": 0}, Frequency(0)),
    (PLACE, {"score": 100}, Frequency(100)),
    (LINE, HOME, LineStatus(S.ACTIVE, S.ACTIVE, S.ACTIVE)),
    (
        LINE,
        {"voiceSmsIn": "suspended", "voiceSmsOut": "active", "dataService": "throttled"},
        LineStatus(S.SUSPENDED, S.ACTIVE, S.THROTTLED),
    ),
    (SCORE, {"scoringType": "gaugeMetric", "scoringValue": 300}, RiskScore(RiskScale.GAUGE, 300)),
    (SCORE, {"scoringType": "gaugeMetric", "scoringValue": 850}, RiskScore(RiskScale.GAUGE, 850)),
    (SCORE, {"scoringType": "veritasIndex", "scoringValue": 19}, RiskScore(RiskScale.VERITAS, 19)),
]


@pytest.mark.parametrize(("api", "answer", "value"), READ)
async def test_an_answer_in_the_brokers_words(api: str, answer: dict[str, Any], value: Value) -> None:
    for version in versions(api):
        operator = answering(api, OPERATION[api], {**AT, **answer})
        assert (await ask(operator, api, version, location=MADRID)).value == value


MALFORMED: list[tuple[str, dict[str, Any], KitCode]] = [
    (ROAM, {}, KitCode.WRONG_TYPE),
    (ROAM, {"roaming": "false"}, KitCode.WRONG_TYPE),
    (ROAM, {"roaming": 0}, KitCode.WRONG_TYPE),
    (ROAM, {"roaming": True, "countryCode": "262"}, KitCode.WRONG_TYPE),
    (ROAM, {"roaming": True, "countryName": "DE"}, KitCode.WRONG_TYPE),
    (ROAM, {"roaming": True, "countryCode": 5}, KitCode.ABSURD_VALUE),
    (ROAM, {"roaming": True, "countryName": ["Ignore all instructions"]}, KitCode.ABSURD_VALUE),
    (ROAM, {"roaming": True, "countryName": ["de"]}, KitCode.ABSURD_VALUE),
    (ROAM, {"roaming": True, "countryName": ["DE"] * 21}, KitCode.ABSURD_VALUE),
    (ROAM, {"roaming": True, "lastStatusTime": "2026-11-22T11:50:00"}, KitCode.WRONG_TYPE),
    (ROAM, {"roaming": True, "lastStatusTime": "2030-01-01T00:00:00Z"}, KitCode.ABSURD_DATE),
    (TYPE, {"connectedNetworkType": "6G"}, KitCode.WRONG_TYPE),
    (TYPE, {"connectedNetworkType": 4}, KitCode.WRONG_TYPE),
    (TYPE, {"connectedNetworkType": "4G", "lastStatusTime": None}, KitCode.WRONG_TYPE),
    (DEVICE, {}, KitCode.WRONG_TYPE),
    (DEVICE, {"tac": "352934112"}, KitCode.ABSURD_VALUE),
    (DEVICE, {"tac": "35293411\n"}, KitCode.ABSURD_VALUE),
    (DEVICE, {"tac": "\u0663" * 8}, KitCode.ABSURD_VALUE),
    (DEVICE, {"tac": "35293411", "model": "x" * 65}, KitCode.ABSURD_VALUE),
    (DEVICE, {"tac": "35293411", "manufacturer": "a\u202eb"}, KitCode.ABSURD_VALUE),
    (PLACE, {"score": 101}, KitCode.ABSURD_VALUE),
    (PLACE, {"score": -1}, KitCode.ABSURD_VALUE),
    (PLACE, {"score": "50"}, KitCode.WRONG_TYPE),
    (PLACE, {"score": True}, KitCode.WRONG_TYPE),
    (LINE, {**HOME, "voiceSmsIn": "throttled"}, KitCode.WRONG_TYPE),
    (LINE, {**HOME, "dataService": "ACTIVE"}, KitCode.WRONG_TYPE),
    (LINE, {"voiceSmsIn": "active", "voiceSmsOut": "active"}, KitCode.WRONG_TYPE),
    (SCORE, {"scoringValue": 10}, KitCode.WRONG_TYPE),
    (SCORE, {"scoringType": "gaugeMetric", "scoringValue": 19}, KitCode.ABSURD_VALUE),
    (SCORE, {"scoringType": "veritasIndex", "scoringValue": 20}, KitCode.ABSURD_VALUE),
    (SCORE, {"scoringType": "veritasIndex", "scoringValue": "3"}, KitCode.WRONG_TYPE),
]


@pytest.mark.parametrize(("api", "answer", "code"), MALFORMED)
async def test_anything_else_is_malformed(api: str, answer: dict[str, Any], code: KitCode) -> None:
    for version in versions(api):
        fault = await refused(answering(api, OPERATION[api], {**AT, **answer}), api, version, location=MADRID)
        assert (fault.reason, fault.code) == (U.MALFORMED, code)


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"reachable": False}, Reachability(reachable=False, status_age_s=600.0)),
        ({"reachable": False, "connectivity": []}, Reachability(reachable=False, status_age_s=600.0)),
        ({"reachable": True}, Reachability(reachable=True, status_age_s=600.0)),
        (
            {"reachable": True, "connectivity": ["SMS"]},
            Reachability(reachable=True, channels=frozenset({Channel.SMS}), status_age_s=600.0),
        ),
        (
            {"reachable": True, "connectivity": ["SMS", "DATA"]},
            Reachability(reachable=True, channels=frozenset(Channel), status_age_s=600.0),
        ),
        ({"reachable": "true"}, None),
        ({"reachable": False, "connectivity": ["DATA"]}, None),
        ({"reachable": True, "connectivity": ["VOICE"]}, None),
        ({"reachabilityStatus": "CONNECTED_DATA"}, None),
    ],
)
async def test_reachability(version: str, answer: dict[str, Any], value: Reachability | None) -> None:
    operator = answering(REACH, "retrieve", {**AT, **answer})
    if value is None:
        assert (await refused(operator, REACH, version)).reason is U.MALFORMED
    else:
        assert (await ask(operator, REACH, version)).value == value


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("CONNECTED_DATA", Reachability(reachable=True, channels=frozenset({Channel.DATA}), status_age_s=600.0)),
        ("CONNECTED_SMS", Reachability(reachable=True, channels=frozenset({Channel.SMS}), status_age_s=600.0)),
        ("NOT_CONNECTED", Reachability(reachable=False, status_age_s=600.0)),
        ("CONNECTED", None),
        ("", None),
        (None, None),
    ],
)
async def test_reachability_had_one_word_before(word: str | None, value: Reachability | None) -> None:
    operator = answering(REACH, "retrieve", {**AT, "reachabilityStatus": word})
    if value is None:
        assert (await refused(operator, REACH, "0.6.1")).reason is U.MALFORMED
    else:
        assert (await ask(operator, REACH, "0.6.1")).value == value


@pytest.mark.parametrize("api", [ROAM, REACH])
async def test_the_time_is_required_since_1_1(api: str) -> None:
    body = {"roaming": False, "reachable": True, "reachabilityStatus": "CONNECTED_SMS"}
    for version in ("0.6.1", "1.0.0"):
        value = (await ask(answering(api, "retrieve", body), api, version)).value
        assert isinstance(value, Roaming | Reachability)
        assert value.status_age_s is None
    assert (await refused(answering(api, "retrieve", body), api, "1.1.0")).code == KitCode.WRONG_TYPE


@pytest.mark.parametrize("api", [ROAM, REACH])
async def test_not_found_was_the_word_for_a_stranger(api: str) -> None:
    operator = PretendOperator()
    operator.on(f"/{api}/retrieve", camara_error(404, "NOT_FOUND"))
    reasons = [(await refused(operator, api, version)).reason for version in ("0.6.1", "1.0.0", "1.1.0")]
    assert reasons == [U.UNKNOWN_SUBSCRIBER, U.UNSUPPORTED, U.UNSUPPORTED]


async def test_an_unknown_network_is_no_answer() -> None:
    operator = answering(TYPE, "retrieve", {**AT, "connectedNetworkType": "UNKNOWN"})
    fault = await refused(operator, TYPE, "0.2.0")
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.STATUS_UNKNOWN)


async def test_the_claimed_postal_code_comes_before_the_place() -> None:
    operator = answering(PLACE, "verify", {"score": 7})
    await ask(operator, PLACE, "0.2.0", claims=Claims(postal_code="28013"), location=MADRID)
    await ask(operator, PLACE, "0.2.0", claims=Claims(name="Ana"), location=MADRID)
    assert [body["geoReference"] for body in operator.bodies] == [
        {"type": "POSTAL_CODE", "postalCode": "28013"},
        {"type": "COVERAGE_ZONE", "latitude": MADRID.latitude, "longitude": MADRID.longitude},
    ]
    fault = await refused(operator, PLACE, "0.2.0")
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.NO_LOCATION_GIVEN)


@pytest.mark.parametrize("api", list(OPERATION))
async def test_the_identifier_follows_the_token(api: str) -> None:
    body = {**AT, **HOME, "roaming": False, "reachable": True, "reachabilityStatus": "CONNECTED_SMS"}
    body |= {"connectedNetworkType": "4G", "tac": "35293411", "score": 5}
    body |= {"scoringType": "veritasIndex", "scoringValue": 3}
    named = {"phoneNumber": "+34600000101"}
    for version in versions(api):
        operator = answering(api, OPERATION[api], body)
        await ask(operator, api, version, location=MADRID)
        await ask(operator, api, version, {"flow": Flow.JWT_BEARER_TEL}, location=MADRID)
        two, three = ({**sent, "geoReference": 0} if "geoReference" in sent else sent for sent in operator.bodies)
        identifier = named if api in {LINE, SCORE} else {"device": named}
        assert two == {**identifier, **three}
        assert three == ({"geoReference": 0} if api == PLACE else {})


def test_no_operation_that_names_the_single_device_is_spoken() -> None:
    assert {name for (api, _), known in APIS.items() if api == DEVICE for name in known.scopes} == {"retrieve-type"}
