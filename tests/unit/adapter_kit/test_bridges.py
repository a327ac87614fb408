"""What releases call otherwise: number verification, forwarding, the combined device status; and the ties of SIMs."""

from hashlib import sha256
from typing import Any

import pytest

from broker.adapter_kit.camara import APIS, signals_of
from broker.adapter_kit.camara.line import ApiLine, NumberClaim, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow
from broker.domain.signal import (
    Channel,
    Flag,
    Match,
    Reachability,
    Roaming,
    SignalName,
    SimBinding,
    Unavailability,
)
from tests.unit.adapter_kit.asking import answering, ask, refused, versions
from tests.unit.adapter_kit.pretend import PHONE, PretendOperator, camara_error, ok, query

U = Unavailability
NV, FORWARDING, OLD, IOT = "number-verification", "call-forwarding-signal", "device-status", "iot-sim-fraud-prevention"
SIM = Flow.JWT_BEARER_OPERATOR_TOKEN


def verifying() -> PretendOperator:
    return answering(NV, "verify", {"devicePhoneNumberVerified": True})


@pytest.mark.parametrize("version", versions(NV))
@pytest.mark.parametrize(
    ("claim", "member", "value"),
    [
        (NumberClaim.PLAIN, "phoneNumber", PHONE.e164),
        (NumberClaim.SHA256, "hashedPhoneNumber", sha256(b"+34600000101").hexdigest()),
        (NumberClaim.SHA256_WITHOUT_PLUS, "hashedPhoneNumber", sha256(b"34600000101").hexdigest()),
    ],
)
async def test_a_number_is_claimed_in_clear_or_as_a_hash_never_both(
    version: str, claim: NumberClaim, member: str, value: str
) -> None:
    operator = verifying()
    terms = {"flow": SIM, "number_claim": claim}
    assert await ask(operator, NV, version, terms, operator_token="opaque") == Reading(Match(matched=True))
    assert operator.bodies == [{member: value}]


async def test_a_hash_is_of_the_number_as_camara_writes_it_however_the_operator_writes_numbers() -> None:
    operator = verifying()
    terms = {"flow": SIM, "number_claim": NumberClaim.SHA256, "phone_plus": False}
    await ask(operator, NV, "2.1.0", terms, operator_token="opaque")
    assert operator.bodies == [{"hashedPhoneNumber": sha256(b"+34600000101").hexdigest()}]


@pytest.mark.parametrize("version", versions(NV))
def test_possession_is_proven_by_the_sim_in_every_release_and_by_its_token_since_2(version: str) -> None:
    known = APIS[NV, version]
    assert known.flows & {Flow.JWT_BEARER_TEL, Flow.CLIENT_CREDENTIALS, Flow.API_KEY} == set()
    assert (SIM in known.flows, Flow.CIBA in known.flows) == ((True, True) if version >= "2" else (False, False))
    assert known.single_use


def test_the_scopes_of_number_verification_had_no_colons_at_first() -> None:
    assert APIS[NV, "0.3.1"].scopes == {"verify": "number-verification-verify-read"}
    assert {version: APIS[NV, version].scopes["verify"] for version in versions(NV)[1:]} == dict.fromkeys(
        versions(NV)[1:], "number-verification:verify"
    )


@pytest.mark.parametrize(
    ("version", "operation", "scope"),
    [
        ("0.3.0", "unconditional-call-forwardings", "call-forwarding-signal:unconditional-call-forwardings:read"),
        ("0.4.0", "unconditional-call-forwardings", "call-forwarding-signal:unconditional-call-forwardings:read"),
        ("0.5.0-rc.1", "check-unconditional-forwarding", "call-forwarding-signal:unconditional-forwarding:check"),
    ],
)
async def test_forwarding_is_asked_under_the_names_of_its_release(version: str, operation: str, scope: str) -> None:
    operator = answering(FORWARDING, operation, {"active": True})
    assert await ask(operator, FORWARDING, version) == Reading(Flag(active=True))
    assert operator.forms[0]["scope"].endswith(f" {scope}")


@pytest.mark.parametrize(
    ("status", "value"),
    [
        ("CONNECTED_DATA", Reachability(reachable=True, channels=frozenset({Channel.DATA}))),
        ("CONNECTED_SMS", Reachability(reachable=True, channels=frozenset({Channel.SMS}))),
        ("NOT_CONNECTED", Reachability(reachable=False)),
    ],
)
async def test_the_combined_device_status_tells_how_a_device_is_reached(status: str, value: Reachability) -> None:
    reading, operator = await combined(SignalName.REACHABILITY, "connectivity", {"connectivityStatus": status})
    assert reading == Reading(value)
    assert operator.bodies == [{"device": {"phoneNumber": PHONE.e164}}]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"roaming": False}, Roaming(roaming=False)),
        ({"roaming": True, "countryCode": 208, "countryName": ["FR"]}, Roaming(
            roaming=True, country_code=208, countries=("FR",))),
        ({"roaming": True, "countryCode": 901, "countryName": []}, Roaming(roaming=True, country_code=901)),
    ],
)  # fmt: skip
async def test_and_whether_it_roams(body: dict[str, Any], value: Roaming) -> None:
    reading, operator = await combined(SignalName.ROAMING, "roaming", body)
    assert reading == Reading(value)
    assert operator.forms[0]["scope"].endswith(" device-status:roaming:read")


async def combined(signal: SignalName, operation: str, body: dict[str, Any]) -> tuple[Reading, PretendOperator]:
    operator = answering(OLD, operation, body)
    known = signals_of(OLD, "0.5.1")[signal]
    bound = operator.bind(OLD, "0.5.1", scopes=known.scopes, identifier=known.identifier)
    return await known.ask(ApiLine(bound, query(signal))), operator


def binding(imei: object, area: object) -> PretendOperator:
    """An operator that answers each kind of tie when it is asked for it."""
    operator = PretendOperator()
    ties = {"IMEIBIND": {"imeiBind": imei}, "AREALIMIT": {"areaLimit": area}}
    operator.on(f"/{IOT}/query", lambda body: ok(ties[body["queryType"]]))
    return operator


DEVICE = {"bindImei": "490154203237518", "bindStatus": "BOUND"}
AREA = {
    "limitArea": {"areaType": "CIRCLE", "point": {"latitude": 1, "longitude": 2}},
    "areaLimitStatus": "UNRESTRICTED",
}


async def test_whether_a_sim_is_tied_is_told_and_neither_to_what_nor_where() -> None:
    operator = binding(DEVICE, AREA)
    reading = await ask(operator, IOT, "0.1.0")
    assert reading == Reading(SimBinding(to_device=True, to_area=False))
    assert [body["queryType"] for body in operator.bodies] == ["IMEIBIND", "AREALIMIT"]
    assert "490154203237518" not in repr(reading)


@pytest.mark.parametrize(
    ("imei", "area"),
    [
        (None, AREA),
        ({}, AREA),
        ({"bindStatus": "bound"}, AREA),
        ({"bindStatus": True}, AREA),
        (DEVICE, {"areaLimitStatus": None}),
        (DEVICE, []),
    ],
)
async def test_a_tie_without_its_word_is_malformed(imei: object, area: object) -> None:
    fault = await refused(binding(imei, area), IOT, "0.1.0")
    assert (fault.reason, fault.code) == (U.MALFORMED, KitCode.WRONG_TYPE)


def test_nothing_that_changes_a_network_is_spoken() -> None:
    assert set(APIS[IOT, "0.1.0"].scopes) == {"query"}


@pytest.mark.parametrize("code", ["UNNECESSARY_UNBIND_IMEI", "UNNECESSARY_UNBIND_AREALIMIT"])
async def test_codes_that_are_in_examples_only_do_not_break_anything(code: str) -> None:
    operator = PretendOperator()
    operator.on(f"/{IOT}/query", camara_error(422, code))
    assert (await refused(operator, IOT, "0.1.0")).reason is U.OPERATOR_ERROR
