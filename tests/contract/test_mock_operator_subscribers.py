"""What the operator knows about a line beside its swaps: holder, contract, device, roaming, services, consent."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from adapters.mock.operator.apis.device_identifier import check_digit
from tests.support.clocks import NOON, HandClock
from tests.support.mock_operator import RunningOperator, running_operator

DAY_S = 86_400
PURPOSE = "dpv:FraudPreventionAndDetection"
HOME = {"type": "COVERAGE_ZONE", "latitude": 40.4168, "longitude": -3.7038}
BARCELONA = {"type": "POSTAL_CODE", "postalCode": "08002"}
PATHS = {
    "number-recycling:check": "/number-recycling/v0.2/check",
    "kyc-tenure:check-tenure": "/kyc-tenure/v0.2/check-tenure",
    "kyc-match:match": "/kyc-match/v0.4/match",
    "kyc-age-verification:verify": "/kyc-age-verification/v0.2/verify",
    "device-roaming-status:read": "/device-roaming-status/v1/retrieve",
    "device-reachability-status:read": "/device-reachability-status/v1/retrieve",
    "connected-network-type:read": "/connected-network-type/v0.2/retrieve",
    "subscription-status:retrive-subscription-status": "/subscription-status/v0.1/retrive-subscription-status",
    "device-identifier:retrieve-identifier": "/device-identifier/v0.3/retrieve-identifier",
    "device-identifier:retrieve-type": "/device-identifier/v0.3/retrieve-type",
    "device-identifier:retrieve-ppid": "/device-identifier/v0.3/retrieve-ppid",
    "most-frequent-location:verify": "/most-frequent-location/v0.2/verify",
    "customer-insights:scoring:read": "/customer-insights/v0.2/scoring/retrieve",
    "consent-info:retrieve": "/consent-info/v0.2/retrieve",
    "location-retrieval:read": "/location-retrieval/v0.5/retrieve",
}
BY_DEVICE = ("device-", "connected-", "most-", "location-")


@pytest.fixture(scope="module")
def alba_started() -> Iterator[RunningOperator]:
    with running_operator("alba", now=HandClock().now) as operator:
        yield operator


@pytest.fixture
def alba(alba_started: RunningOperator) -> RunningOperator:
    alba_started.control.reset()
    return alba_started


def _ask(operator: RunningOperator, scope: str, ending: str, **body: Any) -> Any:
    number = {"phoneNumber": operator.number(ending)}
    subject = {"device": number} if scope.startswith(BY_DEVICE) else number
    return operator.client.call(operator.client.token(scope), PATHS[scope], subject | body).json()


def _age_s(written: str) -> float:
    return (NOON - datetime.fromisoformat(written)).total_seconds()


@pytest.mark.parametrize(
    ("ending", "day", "recycled", "held"),
    [
        ("000101", "2026-11-01", False, True),
        ("000101", "2010-01-01", True, False),
        ("000119", "2026-11-01", True, False),  # another person since ten days
        ("000119", NOON.date().isoformat(), False, True),
        ("000117", "2026-11-01", True, False),  # nobody held it then
        ("000129", "2026-11-01", False, False),  # ported in: same holder, new contract
        ("000102", "2026-11-01", False, True),  # a swapped SIM alone changes neither
        ("000116", "2026-11-01", True, False),
    ],
)
def test_holder_and_contract_have_beginnings_of_their_own(
    alba: RunningOperator, ending: str, day: str, recycled: bool, held: bool
) -> None:
    assert _ask(alba, "number-recycling:check", ending, specifiedDate=day) == {"phoneNumberRecycled": recycled}
    assert _ask(alba, "kyc-tenure:check-tenure", ending, tenureDate=day)["tenureDateCheck"] is held


def test_a_day_ahead_is_out_of_range_and_a_day_is_the_operators_own(alba: RunningOperator) -> None:
    assert _ask(alba, "kyc-tenure:check-tenure", "000101", tenureDate="2126-01-01")["code"] == "OUT_OF_RANGE"
    local_midnight = NOON.replace(hour=23, minute=30)
    alba.control.advance((local_midnight - NOON).total_seconds())
    # It is half past midnight where this operator is (+01:00).
    tomorrow = datetime.fromtimestamp(NOON.timestamp() + DAY_S, NOON.tzinfo).date().isoformat()
    assert "code" not in _ask(alba, "kyc-tenure:check-tenure", "000101", tenureDate=tomorrow)


def test_a_contract_that_ended_began_anew_for_the_next(alba: RunningOperator) -> None:
    number, day = alba.number("000101"), NOON.date().isoformat()
    alba.control.event(number, {"type": "termination"})
    assert _ask(alba, "number-recycling:check", "000101", specifiedDate=day)["code"] == "IDENTIFIER_NOT_FOUND"
    alba.control.event(number, {"type": "activation"})
    assert _ask(alba, "number-recycling:check", "000101", specifiedDate="2024-01-01")["phoneNumberRecycled"] is True
    assert _ask(alba, "kyc-match:match", "000101", name="Alma Serrano Vidal") == {"nameMatch": "not_available"}
    assert "contractType" not in _ask(alba, "kyc-tenure:check-tenure", "000101", tenureDate=day)


@pytest.mark.parametrize(
    ("ending", "claims", "answer"),
    [
        (
            "000101",
            {"name": "ALMA  SERRANO vidal", "middleNames": "Ines"},
            {"nameMatch": "true", "middleNamesMatch": "true"},
        ),
        ("000101", {"birthdate": "1987-03-15"}, {"birthdateMatch": "false"}),
        ("000101", {"givenName": "Alba"}, {"givenNameMatch": "false", "givenNameMatchScore": 75}),
        ("000101", {"nameKanaHankaku": "x"}, {"nameKanaHankakuMatch": "not_available"}),
        ("000124", {"name": "Alma Serrano Vidal"}, {"nameMatch": "not_available"}),
        ("000133", {"name": "Alma Serrano Vidal"}, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED"),
        ("000133", {"idDocument": "1"}, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH"),
        ("000133", {"idDocument": "66666666q", "gender": "MALE"}, {"idDocumentMatch": "true", "genderMatch": "false"}),
        ("000101", {}, "KNOW_YOUR_CUSTOMER.INVALID_PARAM_COMBINATION"),
    ],
)
def test_claims_are_compared_with_the_record(alba: RunningOperator, ending: str, claims: Any, answer: Any) -> None:
    given = _ask(alba, "kyc-match:match", ending, **claims)
    assert given.get("code", given) == answer


def test_a_record_changes_with_the_identity_that_is_put_on_it(alba: RunningOperator) -> None:
    person = {"name": "Dora Ruiz", "birthdate": "2009-01-01"}
    alba.control.event(alba.number("000101"), {"type": "identity", "person": person, "verified": False})
    assert _ask(alba, "kyc-match:match", "000101", name="dora ruiz", email="a@b.example") == {
        "nameMatch": "true",
        "emailMatch": "not_available",
    }
    answer = _ask(alba, "kyc-age-verification:verify", "000101", ageThreshold=18)
    assert answer == {"ageCheck": "false", "verifiedStatus": False}
    alba.control.advance(2 * 366 * DAY_S)
    assert _ask(alba, "kyc-age-verification:verify", "000101", ageThreshold=18)["ageCheck"] == "true"


def test_ages_and_locks_are_strings_and_may_be_unknown(alba: RunningOperator) -> None:
    asked = {
        "ageThreshold": 18,
        "includeContentLock": True,
        "includeParentalControl": True,
        "name": "Clara Serrano Pons",
    }
    assert _ask(alba, "kyc-age-verification:verify", "000126", **asked) == {
        "ageCheck": "false",
        "verifiedStatus": True,
        "identityMatchScore": 100,
        "contentLock": "true",
        "parentalControl": "true",
    }
    unknown = {"ageCheck": "not_available", "contentLock": "not_available", "parentalControl": "not_available"}
    assert _ask(alba, "kyc-age-verification:verify", "000124", **asked) == unknown


@pytest.mark.parametrize(
    ("ending", "where"),
    [
        ("000101", {"roaming": False}),
        ("000120", {"roaming": True, "countryCode": 208, "countryName": ["FR"]}),
        ("000121", {"roaming": True}),
    ],
)
def test_roaming_may_withhold_the_country(alba: RunningOperator, ending: str, where: Any) -> None:
    answer = _ask(alba, "device-roaming-status:read", ending)
    del answer["lastStatusTime"], answer["device"]
    assert answer == where


@pytest.mark.parametrize(
    ("ending", "means", "network", "age_s"),
    [
        ("000101", ["DATA", "SMS"], "4G", 0),
        ("000122", ["SMS"], "4G", 0),
        ("000123", ["DATA", "SMS"], "2G", 0),
        ("000115", None, "UNKNOWN", 3 * DAY_S),
    ],
)
def test_a_device_is_reached_by_what_it_is_attached_to(
    alba: RunningOperator, ending: str, means: Any, network: str, age_s: float
) -> None:
    answer = _ask(alba, "device-reachability-status:read", ending)
    assert (answer["reachable"], answer.get("connectivity")) == (means is not None, means)
    assert _age_s(answer["lastStatusTime"]) == age_s
    assert _ask(alba, "connected-network-type:read", ending)["connectedNetworkType"] == network


def test_older_versions_have_other_words_for_the_same() -> None:
    with running_operator("borealis") as borealis:
        for ending, word in (("000101", "CONNECTED_DATA"), ("000122", "CONNECTED_SMS"), ("000115", "NOT_CONNECTED")):
            token = borealis.client.token("device-reachability-status:read")
            body = {"device": {"phoneNumber": borealis.number(ending)}}
            answer = borealis.client.call(token, "/device-reachability-status/v0.6/retrieve", body).json()
            assert answer.keys() == {"reachabilityStatus", "lastStatusTime"}
            assert answer["reachabilityStatus"] == word
        claims = {"phoneNumber": borealis.number("000101"), "name": "Alma", "nationality": "ES"}
        answer = borealis.client.call(borealis.client.token("kyc-match:match"), "/kyc-match/v0.3/match", claims).json()
        assert answer.keys() == {"nameMatch", "nameMatchScore"}


def test_services_of_a_line(alba: RunningOperator) -> None:
    scope = "subscription-status:retrive-subscription-status"
    assert set(_ask(alba, scope, "000101").values()) == {"active"}
    half = {"voiceSmsIn": "active", "voiceSmsOut": "suspended", "dataService": "throttled"}
    assert _ask(alba, scope, "000125") == half
    assert _ask(alba, scope, "000116")["code"] == "SERVICE_NOT_APPLICABLE"


def test_a_number_beside_a_token_that_names_it_is_confirmed_where_the_api_confirms(alba: RunningOperator) -> None:
    scope = "subscription-status:retrive-subscription-status"
    token = alba.client.token_for("operatortoken:ot-34600000101", scope)
    codes = {
        ending: alba.client.call(token, PATHS[scope], body).json().get("code")
        for ending, body in (
            ("none", {}),
            ("same", {"phoneNumber": alba.number("000101")}),
            ("other", {"phoneNumber": alba.number("000102")}),
        )
    }
    assert codes == {"none": None, "same": None, "other": "INVALID_TOKEN_CONTEXT"}


def test_a_device_has_one_identity_until_it_changes(alba: RunningOperator) -> None:
    first = _ask(alba, "device-identifier:retrieve-identifier", "000101")
    assert check_digit(first["imei"][:-1]) == first["imei"][-1]
    assert (first["tac"], len(first["imeisv"])) == (first["imei"][:8], 16)
    assert _ask(alba, "device-identifier:retrieve-type", "000101").items() <= first.items()
    assert _ask(alba, "device-identifier:retrieve-identifier", "000101") == first
    ppid = _ask(alba, "device-identifier:retrieve-ppid", "000101")["ppid"]
    alba.control.event(alba.number("000101"), {"type": "device_change"})
    second = _ask(alba, "device-identifier:retrieve-identifier", "000101")
    assert second["imei"] != first["imei"]
    assert _ask(alba, "device-identifier:retrieve-ppid", "000101")["ppid"] != ppid
    known = {"imei": "490154203237518", "model": "Old", "manufacturer": "Acme"}
    alba.control.event(alba.number("000101"), {"type": "device_change"} | known)
    third = _ask(alba, "device-identifier:retrieve-identifier", "000101")
    assert {name: third[name] for name in known} == known


def test_the_check_digit_is_the_published_one() -> None:
    assert check_digit("49015420323751") == "8"


@pytest.mark.parametrize(
    ("ending", "home", "barcelona"),
    [("000101", 100, 0), ("000104", 0, 100), ("000130", 20, 80), ("000115", 100, 0)],
)
def test_a_frequent_place_is_a_share_of_thirty_days(
    alba: RunningOperator, ending: str, home: int, barcelona: int
) -> None:
    scope = "most-frequent-location:verify"
    assert _ask(alba, scope, ending, geoReference=HOME) == {"score": home}
    assert _ask(alba, scope, ending, geoReference=BARCELONA) == {"score": barcelona}


def test_where_nothing_is_known_of_places_there_is_no_score(alba: RunningOperator) -> None:
    scope = "most-frequent-location:verify"
    for ending in ("000110", "000116"):
        answer = _ask(alba, scope, ending, geoReference=HOME)
        assert answer["code"] == "MOST_FREQUENT_LOCATION.INFORMATION_NOT_AVAILABLE"
    # The holder before was here for weeks, the present one for half a day.
    alba.control.event(alba.number("000101"), {"type": "ownership_change"}, ago_s=DAY_S / 2)
    assert _ask(alba, scope, "000101", geoReference=HOME)["status"] == 404


@pytest.mark.parametrize(
    ("ending", "body", "answer"),
    [
        ("000101", {}, {"scoringType": "gaugeMetric", "scoringValue": 700}),
        ("000101", {"scoringType": "veritasIndex"}, {"scoringType": "veritasIndex", "scoringValue": 5}),
        ("000134", {"scoringType": "veritasIndex"}, {"scoringType": "veritasIndex", "scoringValue": 16}),
        ("000101", {"idDocument": "1"}, "CUSTOMER_INSIGHTS.INVALID_IDENTIFIERS"),
        ("000119", {"idDocument": "1"}, "CUSTOMER_INSIGHTS.ID_DOCUMENT_NOT_SUPPORTED"),
        ("000133", {}, "CUSTOMER_INSIGHTS.ID_DOCUMENT_REQUIRED"),
        ("000124", {}, "SERVICE_NOT_APPLICABLE"),
    ],
)
def test_scores_point_in_opposite_directions(alba: RunningOperator, ending: str, body: Any, answer: Any) -> None:
    given = _ask(alba, "customer-insights:scoring:read", ending, **body)
    assert given.get("code", given) == answer


def test_a_scale_that_a_line_has_no_score_on(alba: RunningOperator) -> None:
    alba.control.event(alba.number("000101"), {"type": "score", "gauge": 500, "scales": ["gaugeMetric"]})
    answer = _ask(alba, "customer-insights:scoring:read", "000101", scoringType="veritasIndex")
    assert answer["code"] == "CUSTOMER_INSIGHTS.SCALE_TYPE_NOT_SUPPORTED"


def test_a_place_is_as_exact_and_as_fresh_as_it_is(alba: RunningOperator) -> None:
    scope = "location-retrieval:read"
    assert _ask(alba, scope, "000105")["area"]["radius"] == 20_000
    codes = [
        _ask(alba, scope, "000105", maxSurface=1_000_000)["code"],
        _ask(alba, scope, "000115", maxAge=60)["code"],
        _ask(alba, scope, "000110")["code"],
    ]
    assert codes == [
        f"LOCATION_RETRIEVAL.UNABLE_TO_{what}" for what in ("FULFILL_MAX_SURFACE", "FULFILL_MAX_AGE", "LOCATE")
    ]


def _consent(operator: RunningOperator, ending: str, *scopes: str, **body: Any) -> Any:
    asked = {"scopes": scopes or ["sim-swap:check"], "purpose": PURPOSE, "requestCaptureUrl": True}
    return _ask(operator, "consent-info:retrieve", ending, **asked | body)


@pytest.mark.parametrize(
    ("ending", "reason", "capturable"),
    [
        ("000101", None, False),
        ("000109", "PENDING", True),
        ("000131", "EXPIRED", True),
        ("000132", "OBJECTED", False),
    ],
)
def test_a_missing_consent_has_a_reason(
    alba: RunningOperator, ending: str, reason: str | None, capturable: bool
) -> None:
    answer = _consent(alba, ending)
    status = answer["statusInfo"][0]
    assert status["statusValidForProcessing"] is (reason is None)
    assert status.get("statusReason") == reason
    assert ("captureUrl" in answer) is capturable
    assert ("expirationDate" in status) is (reason == "EXPIRED")
    assert "captureUrl" not in _consent(alba, ending, requestCaptureUrl=False)


def test_consent_runs_out_with_the_clock(alba: RunningOperator) -> None:
    alba.control.event(alba.number("000101"), {"type": "consent", "granted": True, "valid_s": 3600.0})
    assert _age_s(_consent(alba, "000101")["statusInfo"][0]["expirationDate"]) == -3600
    token, body = alba.client.token("sim-swap"), {"phoneNumber": alba.number("000101")}
    assert alba.client.call(token, "/sim-swap/v2/check", body).status_code == 200
    alba.control.advance(3600)
    assert _consent(alba, "000101")["statusInfo"][0]["statusReason"] == "EXPIRED"
    assert alba.client.call(token, "/sim-swap/v2/check", body).status_code == 403


@pytest.mark.parametrize(
    ("scopes", "body", "code"),
    [
        (("sim-swap:own",), {}, "CONSENT_INFO.NOT_ALLOWED_SCOPES_PURPOSE"),
        ((), {"purpose": "dpv:Marketing"}, "CONSENT_INFO.NOT_ALLOWED_SCOPES_PURPOSE"),
        ((), {"callbackUrl": "http://elsewhere.example/"}, "CONSENT_INFO.INVALID_CALLBACK_URL"),
        ((), {"callbackUrl": "javascript:alert(1)"}, "CONSENT_INFO.INVALID_CALLBACK_URL"),
        ((), {"callbackUrl": "https://user@elsewhere.example/"}, "CONSENT_INFO.INVALID_CALLBACK_URL"),
        ((), {"callbackUrl": "http://127.0.0.1:8080/back"}, None),
        ((), {"callbackUrl": "app://consent/back"}, None),
        ((), {"purpose": "Marketing"}, "INVALID_ARGUMENT"),
    ],
)
def test_what_was_not_agreed_is_not_told(alba: RunningOperator, scopes: Any, body: Any, code: str | None) -> None:
    assert _consent(alba, "000109", *scopes, **body).get("code") == code


def test_a_capture_link_decides_once_and_leads_back(alba: RunningOperator) -> None:
    back = "https://consumer.example/back?x=1"
    scopes = ("sim-swap:check", "kyc-match:match")
    asked = _consent(alba, "000109", *scopes, callbackUrl=back)
    answer = alba.client.http.get(f"{asked['captureUrl']}?state=s%26t&decision=partial_grant")
    assert (answer.status_code, answer.headers["location"]) == (302, f"{back}&capture_result=partial_grant&state=s%26t")
    valid = [item["statusValidForProcessing"] for item in _consent(alba, "000109", *scopes)["statusInfo"]]
    assert valid == [True, False]
    assert alba.client.http.get(asked["captureUrl"]).status_code == 404
    for decision, granted in (("timeout", False), ("granted", True)):
        url = _consent(alba, "000109", "kyc-tenure:check-tenure")["captureUrl"]
        assert alba.client.http.get(f"{url}?decision={decision}").json() == {"capture_result": decision}
        info = _consent(alba, "000109", "kyc-tenure:check-tenure")["statusInfo"][0]
        assert info["statusValidForProcessing"] is granted
