"""Orders to an operator: what is sent, what each answer means, and what is never told or done without leave."""

import logging
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from broker.adapter_kit.adapter import Adapter, ClosedAdapter
from broker.adapter_kit.camara import APIS, INSTRUMENTS
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.instruments import (
    AnnounceCall,
    AnnounceStrategy,
    Area,
    AskConsent,
    CallAnnounced,
    CheckPassword,
    ConsentEntry,
    ConsentReason,
    ConsentStatus,
    DisclosureGrant,
    IdentityRecord,
    Locate,
    Located,
    OpenRecord,
    Order,
    PasswordSent,
    PasswordVerdict,
    Point,
    Refused,
    SendPassword,
)
from broker.adapter_kit.manifest import Manifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.adapter_kit.oauth import Flow
from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import SignalName, Unavailability
from tests.unit.adapter_kit.pretend import CORRELATOR, PHONE, ROOT, PretendOperator, camara_error, ok

U = Unavailability
PURPOSE = "FraudPreventionAndDetection"
PASSWORDS = [version for api, version in INSTRUMENTS if api == "one-time-password-sms"]
CONSENTS = [version for api, version in INSTRUMENTS if api == "consent-info"]
PLACES = [version for api, version in INSTRUMENTS if api == "location-retrieval"]
RECORDS = [version for api, version in INSTRUMENTS if api == "kyc-fill-in"]
CALLS = [version for api, version in INSTRUMENTS if api == "verified-caller"]


def adapter(operator: PretendOperator, api: str, version: str, **changes: Any) -> ManifestAdapter:
    """The adapter of an operator that serves one instrument under a short path."""
    instrument = {"api": api, "version": version, "flow": "client_credentials", "base_path": f"/{api}"}
    manifest = {
        "name": "one",
        "title": "One",
        "capabilities": [{"api": "sim-swap", "version": "2.1.0", "flow": "client_credentials"}],
        "instruments": [{**instrument, **changes.pop("terms", {})}],
    }
    settings = {"adapter": "one", "base_url": ROOT, "client_id": "trust-broker", **changes}
    return ManifestAdapter(operator.parts(Manifest.model_validate(manifest), OperatorSettings.model_validate(settings)))


def given(**more: Any) -> dict[str, Any]:
    return {"phone": PHONE, "purpose": PURPOSE, "correlator": CORRELATOR, "deadline_s": 1002.0, **more}


async def carried_out(adapter: Adapter, order: Order[Any]) -> Any:
    answer = await adapter.carry_out(order)
    assert not isinstance(answer, Refused), answer
    return answer


async def refused(adapter: Adapter, order: Order[Any]) -> tuple[Unavailability, str | None]:
    answer = await adapter.carry_out(order)
    assert isinstance(answer, Refused)
    assert answer.instrument is order.instrument
    return answer.reason, answer.code


SEND = SendPassword(**given(message="{{code}} is your code"))
CHECK = CheckPassword(**given(reference="ea0840f3", code="123456"))


@pytest.mark.parametrize("version", PASSWORDS)
async def test_a_password_is_sent_to_the_number_and_checked_by_its_reference(version: str) -> None:
    operator = PretendOperator()
    operator.on("/one-time-password-sms/send-code", ok({"authenticationId": "ea0840f3"}))
    operator.on("/one-time-password-sms/validate-code", httpx.Response(204))
    desk = adapter(operator, "one-time-password-sms", version)
    assert await carried_out(desk, SEND) == PasswordSent("ea0840f3")
    assert await carried_out(desk, CHECK) is PasswordVerdict.RIGHT
    assert operator.bodies == [
        {"phoneNumber": "+34600000101", "message": "{{code}} is your code"},
        {"authenticationId": "ea0840f3", "code": "123456"},
    ]
    assert operator.forms[0]["scope"] == f"dpv:{PURPOSE} one-time-password-sms:send-validate"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (camara_error(400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP"), PasswordVerdict.WRONG),
        (camara_error(400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED"), PasswordVerdict.EXPIRED),
        (camara_error(400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED"), PasswordVerdict.EXHAUSTED),
        (camara_error(404, "NOT_FOUND"), PasswordVerdict.EXPIRED),
    ],
)
async def test_a_code_that_does_not_fit_is_a_verdict_and_no_trouble(
    answer: httpx.Response, verdict: PasswordVerdict
) -> None:
    operator = PretendOperator()
    operator.on("/one-time-password-sms/validate-code", answer)
    assert await carried_out(adapter(operator, "one-time-password-sms", "1.1.1"), CHECK) is verdict


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, json={}), U.MALFORMED),
        (httpx.Response(201), U.MALFORMED),
        (httpx.Response(404, text="<html>"), U.UNSUPPORTED),
        (camara_error(400, "INVALID_ARGUMENT"), U.OPERATOR_ERROR),
        (camara_error(400, "OUT_OF_RANGE"), U.NOT_APPLICABLE),
        (camara_error(429, "TOO_MANY_REQUESTS"), U.OPERATOR_ERROR),
        (camara_error(500, "INTERNAL"), U.OPERATOR_ERROR),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), U.OPERATOR_ERROR),
    ],
)
async def test_nothing_but_204_is_a_right_code(answer: httpx.Response, reason: Unavailability) -> None:
    operator = PretendOperator()
    operator.on("/one-time-password-sms/validate-code", answer)
    assert (await refused(adapter(operator, "one-time-password-sms", "1.1.1"), CHECK))[0] is reason


@pytest.mark.parametrize("code", ["", "12345678901", "1" * 1000])
async def test_a_code_that_no_operator_would_take_is_wrong_without_asking(code: str) -> None:
    operator = PretendOperator()
    order = CheckPassword(**given(reference="ea0840f3", code=code))
    assert await carried_out(adapter(operator, "one-time-password-sms", "1.1.1"), order) is PasswordVerdict.WRONG
    assert operator.calls == []


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED", U.OPERATOR_ERROR),
        (403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED", U.NOT_APPLICABLE),
        (403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_BLOCKED", U.NOT_APPLICABLE),
        (403, "PERMISSION_DENIED", U.NOT_PERMITTED),
        (404, "NOT_FOUND", U.UNKNOWN_SUBSCRIBER),
        (404, "IDENTIFIER_NOT_FOUND", U.UNKNOWN_SUBSCRIBER),
        (429, "QUOTA_EXCEEDED", U.OPERATOR_ERROR),
    ],
)
async def test_a_password_that_cannot_be_sent_says_why(status: int, code: str, reason: Unavailability) -> None:
    operator = PretendOperator()
    operator.on("/one-time-password-sms/send-code", camara_error(status, code))
    assert await refused(adapter(operator, "one-time-password-sms", "1.1.1"), SEND) == (reason, code)


@pytest.mark.parametrize("reference", ["", "x" * 37, "a b", "a\nb", 7, None])
async def test_a_reference_that_cannot_be_is_malformed(reference: object) -> None:
    operator = PretendOperator()
    operator.on("/one-time-password-sms/send-code", ok({"authenticationId": reference}))
    assert (await refused(adapter(operator, "one-time-password-sms", "1.1.1"), SEND))[0] is U.MALFORMED


@pytest.mark.parametrize("message", ["your code", "{{code}}" + "x" * 153])
def test_a_message_without_its_code_or_too_long_is_refused_at_once(message: str) -> None:
    with pytest.raises(ValueError, match="message"):
        SendPassword(**given(message=message))


def test_since_2_a_password_is_ordered_in_our_own_name_only() -> None:
    assert INSTRUMENTS["one-time-password-sms", "2.0.0"].flows == {Flow.CLIENT_CREDENTIALS, Flow.API_KEY}


ASK = AskConsent(
    **given(scopes=("sim-swap:check", "location-verification:verify"), capture=True, callback_url="https://x.example/")
)


def entry(*scopes: str, valid: bool = True, **more: object) -> dict[str, object]:
    return {"scopes": scopes, "purpose": f"dpv:{PURPOSE}", "statusValidForProcessing": valid, **more}


@pytest.mark.parametrize("version", CONSENTS)
async def test_what_a_person_permits_is_told_by_scope(version: str) -> None:
    operator = PretendOperator()
    answer = [
        entry("sim-swap:check", expirationDate="2027-01-01T00:00:00+01:00"),
        entry("location-verification:verify", valid=False, statusReason="PENDING"),
    ]
    url = "https://operator.example/capture/1"
    operator.on("/consent-info/retrieve", ok({"statusInfo": answer, "captureUrl": url}))
    status = await carried_out(adapter(operator, "consent-info", version), ASK)
    ends = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert status == ConsentStatus(
        (
            ConsentEntry(("sim-swap:check",), permitted=True, expires_at=ends),
            ConsentEntry(("location-verification:verify",), permitted=False, reason=ConsentReason.PENDING),
        ),
        url,
    )
    assert [status.permits(scope) for scope in (*ASK.scopes, "kyc-match:match")] == [True, False, False]
    callback = {"callbackUrl": "https://x.example/"} if version != "0.1.0" else {}
    assert operator.bodies == [
        {
            "phoneNumber": "+34600000101",
            "scopes": list(ASK.scopes),
            "purpose": f"dpv:{PURPOSE}",
            "requestCaptureUrl": True,
            **callback,
        }
    ]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"statusReason": "REVOKED"}, ConsentReason.DENIED),
        ({"statusReason": "DENIED"}, ConsentReason.DENIED),
        ({"statusReason": "OBJECTED"}, ConsentReason.OBJECTED),
        ({}, None),
        ({"statusValidForProcessing": True, "expirationDate": "2026-11-22T11:00:00Z"}, ConsentReason.EXPIRED),
        ({"statusValidForProcessing": True, "expirationDate": "2026-11-22"}, ConsentReason.EXPIRED),
    ],
)
async def test_a_no_and_a_yes_that_is_over_permit_nothing(told: dict[str, Any], reason: ConsentReason | None) -> None:
    operator = PretendOperator()
    operator.on("/consent-info/retrieve", ok({"statusInfo": [entry("sim-swap:check", valid=False) | told]}))
    status = await carried_out(adapter(operator, "consent-info", "0.2.0"), ASK)
    assert not status.permits("sim-swap:check")
    assert [one.reason for one in status.entries] == [reason]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"statusInfo": [entry()]},
        {"statusInfo": [entry("kyc-match:match")]},
        {"statusInfo": [entry("sim-swap:check", purpose="dpv:Marketing")]},
        {"statusInfo": [entry("sim-swap:check", statusReason="DENIED")]},
        {"statusInfo": [entry("sim-swap:check", statusReason="MAYBE")]},
        {"statusInfo": [entry("sim-swap:check") | {"statusValidForProcessing": "true"}]},
        {"statusInfo": [entry("sim-swap:check", expirationDate="2027-01-01T00:00:00")]},
        {"statusInfo": [entry("sim-swap:check", expirationDate="0001-01-01T00:00:00Z")]},
        {"statusInfo": [entry("sim-swap:check", expirationDate="2027-13-01")]},
        {"statusInfo": [], "captureUrl": "http://operator.example/x"},
        {"statusInfo": [], "captureUrl": "javascript:alert(1)"},
        {"statusInfo": [], "captureUrl": "https://a@b.example/"},
        {"statusInfo": [], "captureUrl": "https://[::1"},
        {"statusInfo": [], "captureUrl": "https://x.example/ y"},
        {"statusInfo": [], "captureUrl": "https://x.example/" + "y" * 2048},
    ],
)
async def test_a_consent_that_contradicts_itself_or_the_question_is_malformed(answer: dict[str, Any]) -> None:
    operator = PretendOperator()
    operator.on("/consent-info/retrieve", ok(answer))
    assert (await refused(adapter(operator, "consent-info", "0.2.0"), ASK))[0] is U.MALFORMED


def granted(instrument: InstrumentName, purpose: str = PURPOSE) -> DisclosureGrant:
    return DisclosureGrant("acme", instrument, purpose)


WHERE = DisclosureGrant("acme", InstrumentName.LOCATION_AREA, PURPOSE)
WHO = DisclosureGrant("acme", InstrumentName.IDENTITY_RECORD, PURPOSE)
CIRCLE = {"areaType": "CIRCLE", "center": {"latitude": 40.4, "longitude": -3.7}, "radius": 800}
AT = "2026-11-22T11:50:00Z"


def located(operator: PretendOperator, version: str, **changes: Any) -> ManifestAdapter:
    return adapter(operator, "location-retrieval", version, disclosures=["location-retrieval"], **changes)


@pytest.mark.parametrize("version", PLACES)
async def test_a_place_is_an_area_and_the_age_of_the_fix(version: str) -> None:
    operator = PretendOperator()
    operator.on("/location-retrieval/retrieve", ok({"lastLocationTime": AT, "area": CIRCLE}))
    order = Locate(**given(grant=WHERE, max_age_s=10, max_surface_m2=5_000_000))
    answer = await carried_out(located(operator, version), order)
    assert answer == Located(Area((Point(40.4, -3.7),), 800.0), 600.0)
    (body,) = operator.bodies
    assert body["device"] == {"phoneNumber": "+34600000101"}
    assert (body["maxAge"], "maxSurface" in body) == (60 if version == "0.1.0" else 10, version >= "0.4")
    assert "40.4" not in repr(answer)


async def test_a_polygon_has_three_to_fifteen_corners() -> None:
    corners = [{"latitude": 40 + n / 10, "longitude": -3} for n in range(16)]
    for count in range(17):
        operator = PretendOperator()
        area = {"areaType": "POLYGON", "boundary": corners[:count]}
        operator.on("/location-retrieval/retrieve", ok({"lastLocationTime": AT, "area": area}))
        answer = await located(operator, "0.5.0").carry_out(Locate(**given(grant=WHERE, max_age_s=60)))
        assert isinstance(answer, Located) is (3 <= count <= 15)


@pytest.mark.parametrize(
    "area",
    [
        {"areaType": "CIRCLE", "center": {"latitude": 91, "longitude": 0}, "radius": 1},
        {"areaType": "CIRCLE", "center": {"latitude": 0, "longitude": 0}, "radius": 0},
        {"areaType": "CIRCLE", "center": {"latitude": 0, "longitude": 0}},
        {"areaType": "CIRCLE", "radius": 5},
        {"areaType": "SQUARE"},
        {},
        None,
    ],
)
async def test_a_place_that_cannot_be_is_malformed(area: object) -> None:
    operator = PretendOperator()
    operator.on("/location-retrieval/retrieve", ok({"lastLocationTime": AT, "area": area}))
    answer = await refused(located(operator, "0.5.0"), Locate(**given(grant=WHERE, max_age_s=60)))
    assert answer[0] is U.MALFORMED


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "LOCATION_RETRIEVAL.MAXAGE_INVALID_ARGUMENT", U.OPERATOR_ERROR),
        (404, "LOCATION_RETRIEVAL.DEVICE_NOT_FOUND", U.UNKNOWN_SUBSCRIBER),
        (422, "LOCATION_RETRIEVAL.UNABLE_TO_LOCATE", U.NOT_APPLICABLE),
        (422, "LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_AGE", U.NOT_APPLICABLE),
        (422, "LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_SURFACE", U.NOT_APPLICABLE),
    ],
)
async def test_a_place_that_is_not_told_says_why(status: int, code: str, reason: Unavailability) -> None:
    operator = PretendOperator()
    operator.on("/location-retrieval/retrieve", camara_error(status, code))
    order = Locate(**given(grant=WHERE, max_age_s=60))
    assert await refused(located(operator, "0.5.0"), order) == (reason, code)


RECORD = {"phoneNumber": "+34600000101", "name": "Alma Serrano", "birthdate": "1987-03-14", "email": None, "vip": "yes"}


def filed(operator: PretendOperator, version: str = "0.4.1", **changes: Any) -> ManifestAdapter:
    return adapter(operator, "kyc-fill-in", version, disclosures=["kyc-fill-in"], **changes)


@pytest.mark.parametrize("version", RECORDS)
async def test_a_record_holds_what_was_ordered_under_scopes_for_that_alone(version: str) -> None:
    operator = PretendOperator()
    operator.on("/kyc-fill-in/fill-in", ok(RECORD))
    order = OpenRecord(**given(grant=WHO, attributes=("name", "email", "vip", "nationality")))
    record = await carried_out(filed(operator, version), order)
    assert record == IdentityRecord({"name": "Alma Serrano"})
    assert operator.bodies == [{"phoneNumber": "+34600000101"}]
    wanted = "kyc-fill-in:name kyc-fill-in:email" + (" kyc-fill-in:nationality" if version == "0.4.1" else "")
    assert operator.forms[0]["scope"] == f"dpv:{PURPOSE} {wanted}"
    assert "Alma" not in repr(record) + repr(order)


async def test_an_operator_may_want_one_scope_for_all() -> None:
    operator = PretendOperator()
    operator.on("/kyc-fill-in/fill-in", ok(RECORD))
    desk = filed(operator, terms={"scopes": {"fill-in": "kyc-fill-in:set-all"}})
    await carried_out(desk, OpenRecord(**given(grant=WHO, attributes=("name",))))
    assert operator.forms[0]["scope"] == f"dpv:{PURPOSE} kyc-fill-in:set-all"


@pytest.mark.parametrize(
    "answer",
    [
        RECORD | {"phoneNumber": "+34600000102"},
        RECORD | {"name": 7},
        RECORD | {"name": "x" * 501},
        RECORD | {"name": "a\u202eb\n"},
        [],
    ],
)
async def test_a_record_of_somebody_else_or_of_no_text_is_malformed(answer: Any) -> None:
    operator = PretendOperator()
    operator.on("/kyc-fill-in/fill-in", ok(answer))
    order = OpenRecord(**given(grant=WHO, attributes=("name",)))
    assert (await refused(filed(operator), order))[0] is U.MALFORMED


async def test_a_record_of_nothing_known_is_not_asked_for() -> None:
    operator = PretendOperator()
    order = OpenRecord(**given(grant=WHO, attributes=("shoeSize",)))
    assert (await refused(filed(operator), order))[0] is U.NOT_APPLICABLE
    assert operator.forms == []


DISCLOSING = [
    ("location-retrieval", "0.5.0", Locate(**given(max_age_s=60))),
    ("kyc-fill-in", "0.4.1", OpenRecord(**given(attributes=("name",)))),
]


@pytest.mark.parametrize(("api", "version", "order"), DISCLOSING)
@pytest.mark.parametrize(
    ("switched_on", "grant", "code"),
    [
        (False, True, KitCode.DISCLOSURE_OFF),
        (True, None, KitCode.NOT_GRANTED),
        (True, "another instrument", KitCode.NOT_GRANTED),
        (True, "another purpose", KitCode.NOT_GRANTED),
    ],
)
async def test_nothing_is_disclosed_unless_it_is_switched_on_and_the_tenant_granted_it(
    api: str, version: str, order: Order[Any], switched_on: bool, grant: object, code: KitCode
) -> None:
    operator = PretendOperator()
    grants = {
        True: granted(order.instrument),
        "another instrument": granted(InstrumentName.ONE_TIME_PASSWORD),
        "another purpose": granted(order.instrument, "Marketing"),
    }
    desk = adapter(operator, api, version, disclosures=[api] if switched_on else [])
    kind = type(order)
    rest = {name: getattr(order, name) for name in order.__struct_fields__ if name != "grant"}
    assert await refused(desk, kind(**rest, grant=grants.get(grant))) == (U.NOT_PERMITTED, code)
    assert (operator.forms, operator.calls) == ([], [])


def test_exactly_what_tells_personal_data_is_off_by_default() -> None:
    assert {api for (api, _), known in INSTRUMENTS.items() if known.discloses} == {"location-retrieval", "kyc-fill-in"}


ANNOUNCE = AnnounceCall(
    **given(caller=PhoneNumber("+34910000000"), strategy=AnnounceStrategy.BRAND_DISPLAY, ttl_s=60, display_name="Bank")
)


@pytest.mark.parametrize("version", CALLS)
async def test_a_call_is_announced_with_both_parties(version: str) -> None:
    operator = PretendOperator()
    made = {"preAnnouncementId": "3FA85F64-5717-4562-B3FC-2C963F66AFA6", "expiresAt": "2026-11-22T13:00:00Z"}
    operator.on("/verified-caller/pre-announce", httpx.Response(201, json=made), httpx.Response(204))
    desk = adapter(operator, "verified-caller", version)
    ends = datetime(2026, 11, 22, 13, tzinfo=UTC)
    assert await carried_out(desk, ANNOUNCE) == CallAnnounced("3fa85f64-5717-4562-b3fc-2c963f66afa6", ends)
    assert await carried_out(desk, ANNOUNCE) == CallAnnounced()
    assert operator.bodies[0] == {
        "callingParticipant": "+34910000000",
        "calledParticipant": "+34600000101",
        "strategy": "BRAND_DISPLAY",
        "timeToLive": 60,
        "dynamicDisplayName": "Bank",
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ok({}), U.MALFORMED),
        (httpx.Response(201, json={"preAnnouncementId": "x"}), U.MALFORMED),
        (camara_error(404, "GENERIC_404_IDENTIFIER_NOT_FOUND"), U.UNKNOWN_SUBSCRIBER),
        (camara_error(409, "CONFLICT"), U.OPERATOR_ERROR),
        (camara_error(422, "SERVICE_NOT_APPLICABLE"), U.NOT_APPLICABLE),
    ],
)
async def test_a_call_that_was_not_announced_says_why(answer: httpx.Response, reason: Unavailability) -> None:
    operator = PretendOperator()
    operator.on("/verified-caller/pre-announce", answer)
    assert (await refused(adapter(operator, "verified-caller", "0.1.0"), ANNOUNCE))[0] is reason


async def test_what_is_not_offered_is_unsupported_and_nobody_is_asked() -> None:
    operator = PretendOperator()
    desk = adapter(operator, "consent-info", "0.2.0")
    assert set(desk.instruments) == {InstrumentName.CONSENT_STATUS}
    assert await refused(desk, SEND) == (U.UNSUPPORTED, KitCode.NOT_OFFERED)
    assert await refused(ClosedAdapter("none"), SEND) == (U.UNSUPPORTED, None)
    assert operator.forms == []


async def test_a_mistake_of_ours_is_no_success_and_says_nothing_about_the_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    operator = PretendOperator()

    def broken(body: dict[str, Any]) -> httpx.Response:
        raise RuntimeError(str(body))

    operator.on("/consent-info/retrieve", broken)
    with caplog.at_level(logging.DEBUG):
        reason, _ = await refused(adapter(operator, "consent-info", "0.2.0"), ASK)
    assert reason is U.OPERATOR_ERROR
    assert "34600000101" not in caplog.text


ORDERS = [SEND, CHECK, ASK, ANNOUNCE, *(order for *_, order in DISCLOSING)]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
def test_an_order_shows_neither_number_nor_secret(order: Order[Any]) -> None:
    assert repr(order) == f"{type(order).__name__}(+34…)"


def test_no_instrument_passes_for_a_signal() -> None:
    assert not {api for api, _ in INSTRUMENTS} & {api for api, _ in APIS}
    assert not {name.value for name in InstrumentName} & {name.value for name in SignalName}
    no_camara_api = {InstrumentName.OPERATOR_PROMPT}
    assert {known.instrument for known in INSTRUMENTS.values()} == set(InstrumentName) - no_camara_api
    for (api, version), known in INSTRUMENTS.items():
        assert (known.api, known.version) == (api, version)
