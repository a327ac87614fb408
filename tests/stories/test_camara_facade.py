"""A client written for an operator's network APIs calls the broker, and is answered as the definitions say."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from broker.surfaces.camara.apis import APIS
from tests.support.mock_operator_schemas import DEFINITIONS, error_validator, response_validator
from tests.support.stage import LONDON, MADRID, Stage

STEADY, SWAPPED_3H, SWAPPED_3D, FORWARDED = "+34600000101", "+34600000102", "+34600000103", "+34600000112"
ELSEWHERE, ROUGHLY = "+34600000104", "+34600000105"
RECYCLED, PORTED, ABROAD, BY_TEXT, CONSENTLESS = (f"+34600000{ending}" for ending in (119, 129, 120, 122, 109))
DEFINED = {
    "sim-swap": {"v0": "0.4.0", "v1": "1.0.0", "v2": "2.1.0"},
    "device-swap": {"v0.1": "0.1.0", "v0.2": "0.2.0", "v1": "1.0.0"},
    "call-forwarding-signal": {"v0.3": "0.3.0", "v0.4": "0.4.0"},
    "location-verification": {"v0": "0.2.0", "v1": "1.0.0", "v2": "2.0.0", "v3": "3.0.0"},
    "kyc-match": {"v0.3": "0.3.0", "v0.4": "0.4.0"},
    "kyc-tenure": {"v0.1": "0.1.0", "v0.2": "0.2.0"},
    "kyc-age-verification": {"v0.1": "0.1.0", "v0.2": "0.2.1"},
    "number-recycling": {"v0.2": "0.2.0"},
    "device-roaming-status": {"v1": "1.1.0"},
    "device-reachability-status": {"v1": "1.1.0"},
}


def at(circle: tuple[float, float, float]) -> dict[str, Any]:
    latitude, longitude, radius = circle
    return {"areaType": "CIRCLE", "center": {"latitude": latitude, "longitude": longitude}, "radius": radius}


def about(number: str, **members: Any) -> dict[str, Any]:
    return {"phoneNumber": number, **members}


def of(number: str, **members: Any) -> dict[str, Any]:
    return {"device": {"phoneNumber": number}, **members}


@pytest.fixture(scope="module")
def backend(stage: Stage) -> Iterator[httpx.Client]:
    with stage.broker.http(stage.broker.key("acme", "network:read", consumer="backend")) as http:
        yield http


def call(http: httpx.Client, path: str, body: Any) -> tuple[int, Any]:
    """Call, and hold the answer against the definition of that API and version."""
    response = http.post(f"/camara/{path}", json=body)
    assert response.headers["content-type"].startswith("application/json"), response.text
    assert response.headers["x-correlator"]
    answer = response.json()
    if not DEFINITIONS.is_dir():  # on a machine without them the story is told all the same
        return response.status_code, answer
    api, version, operation = path.split("/")
    if response.status_code == 200:
        validator = response_validator(api, DEFINED[api][version], f"/{operation}", "post", 200)
        assert validator is not None
        validator.validate(answer)
    else:
        error_validator(api, DEFINED[api][version]).validate(answer)
        assert answer["status"] == response.status_code
    return response.status_code, answer


@pytest.mark.parametrize("version", APIS["sim-swap"])
@pytest.mark.parametrize(
    ("number", "hours", "swapped"), [(STEADY, 240, False), (SWAPPED_3H, 24, True), (SWAPPED_3D, 24, False)]
)
def test_sim_swap_within_a_period(backend: httpx.Client, version: str, number: str, hours: int, swapped: bool) -> None:
    assert call(backend, f"sim-swap/{version}/check", about(number, maxAge=hours)) == (200, {"swapped": swapped})


@pytest.mark.parametrize("version", APIS["sim-swap"])
def test_the_date_of_a_sim_swap(backend: httpx.Client, version: str) -> None:
    status, answer = call(backend, f"sim-swap/{version}/retrieve-date", about(SWAPPED_3H))
    assert status == 200
    ago = datetime.now(UTC) - datetime.fromisoformat(answer["latestSimChange"])
    assert timedelta(hours=2.9) < ago < timedelta(hours=4)


def test_a_date_that_the_network_keeps_is_null_with_the_period_that_it_covers(backend: httpx.Client) -> None:
    status, answer = call(backend, "sim-swap/v2/retrieve-date", about("+34600000106"))
    assert (status, answer) == (200, {"latestSimChange": None, "monitoredPeriod": 30})


@pytest.mark.parametrize("hours", [24, 720, 721])
def test_beyond_what_the_network_remembers_nothing_is_said_to_be_unchanged(backend: httpx.Client, hours: int) -> None:
    status, answer = call(backend, "sim-swap/v2/check", about("+34600000106", maxAge=hours))
    if hours <= 720:
        assert (status, answer) == (200, {"swapped": False})
    else:
        assert (status, answer["code"]) == (400, "OUT_OF_RANGE")


@pytest.mark.parametrize("version", APIS["device-swap"])
def test_device_swap(backend: httpx.Client, version: str) -> None:
    changed = about("+34600000113", maxAge=72)
    assert call(backend, f"device-swap/{version}/check", changed) == (200, {"swapped": True})
    assert call(backend, f"device-swap/{version}/retrieve-date", about(STEADY))[0] == 200


@pytest.mark.parametrize("version", APIS["call-forwarding-signal"])
@pytest.mark.parametrize(("number", "active"), [(FORWARDED, True), (STEADY, False)])
def test_call_forwarding(backend: httpx.Client, version: str, number: str, active: bool) -> None:
    path = f"call-forwarding-signal/{version}/unconditional-call-forwardings"
    assert call(backend, path, about(number)) == (200, {"active": active})


@pytest.mark.parametrize("version", APIS["location-verification"])
@pytest.mark.parametrize(("number", "result"), [(STEADY, "TRUE"), (ELSEWHERE, "FALSE"), (ROUGHLY, "PARTIAL")])
def test_location(backend: httpx.Client, version: str, number: str, result: str) -> None:
    status, answer = call(backend, f"location-verification/{version}/verify", of(number, area=at(MADRID)))
    assert (status, answer.get("verificationResult")) == (200, result), answer
    assert ("matchRate" in answer) is (result == "PARTIAL")


@pytest.mark.parametrize(("circle", "status"), [((*MADRID[:2], 500.0), 400), (LONDON, 422)], ids=["small", "abroad"])
def test_a_place_that_cannot_be_told_is_not_elsewhere(
    backend: httpx.Client, circle: tuple[float, float, float], status: int
) -> None:
    assert call(backend, "location-verification/v3/verify", of(STEADY, area=at(circle)))[0] == status


def test_a_place_that_is_older_than_asked_for_is_none(backend: httpx.Client) -> None:
    stale = of("+34600000115", area=at(MADRID), maxAge=3600)
    status, answer = call(backend, "location-verification/v3/verify", stale)
    assert status == 422, answer


@pytest.mark.parametrize("version", APIS["kyc-match"])
def test_kyc_match(backend: httpx.Client, version: str) -> None:
    claims = {"givenName": "Alma", "familyName": "Nobody", "birthdate": "1987-03-14", "gender": "FEMALE"}
    status, answer = call(backend, f"kyc-match/{version}/match", about(STEADY, **claims))
    assert status == 200
    told = {name: answer[f"{name}Match"] for name in claims}
    assert told == {"givenName": "true", "familyName": "false", "birthdate": "true", "gender": "not_available"}


@pytest.mark.parametrize("version", APIS["kyc-tenure"])
def test_kyc_tenure(backend: httpx.Client, version: str) -> None:
    path = f"kyc-tenure/{version}/check-tenure"
    assert call(backend, path, about(STEADY, tenureDate="2024-01-01"))[1]["tenureDateCheck"] is True
    assert call(backend, path, about(PORTED, tenureDate="2024-01-01"))[1]["tenureDateCheck"] is False


@pytest.mark.parametrize("version", APIS["kyc-age-verification"])
def test_kyc_age(backend: httpx.Client, version: str) -> None:
    path = f"kyc-age-verification/{version}/verify"
    assert call(backend, path, about(STEADY, ageThreshold=18))[1]["ageCheck"] == "true"
    assert call(backend, path, about("+34600000126", ageThreshold=18))[1]["ageCheck"] == "false"


@pytest.mark.parametrize(("number", "recycled"), [(STEADY, False), (RECYCLED, True)])
def test_number_recycling(backend: httpx.Client, number: str, recycled: bool) -> None:
    body = about(number, specifiedDate="2025-01-01")
    assert call(backend, "number-recycling/v0.2/check", body) == (200, {"phoneNumberRecycled": recycled})


def test_roaming_and_reachability(backend: httpx.Client) -> None:
    status, roaming = call(backend, "device-roaming-status/v1/retrieve", of(ABROAD))
    assert (status, roaming["roaming"], roaming["countryName"]) == (200, True, ["FR"])
    status, reachable = call(backend, "device-reachability-status/v1/retrieve", of(BY_TEXT))
    assert (status, reachable["reachable"], reachable["connectivity"]) == (200, True, ["SMS"])


TROUBLE = {
    "consent missing": (about(CONSENTLESS), 403, "PERMISSION_DENIED"),
    "nobody": (about("+34600000999"), 404, "IDENTIFIER_NOT_FOUND"),
    "not applicable": (about("+34600000108"), 422, "SERVICE_NOT_APPLICABLE"),
    "no network of ours": (about("+15005550006"), 422, "SERVICE_NOT_APPLICABLE"),
    "broken": (about("+34600000203"), 503, "UNAVAILABLE"),
    "throttled": (about("+34600000205"), 429, "TOO_MANY_REQUESTS"),
    "not to be believed": (about("+34600000209"), 502, "BAD_GATEWAY"),
    "nobody named": ({}, 422, "MISSING_IDENTIFIER"),
    "no number": (about("0034600000101"), 400, "INVALID_ARGUMENT"),
    "unknown member": (about(STEADY, maxage=3), 400, "INVALID_ARGUMENT"),
    "wrong type": (about(STEADY, maxAge="3"), 400, "INVALID_ARGUMENT"),
    "period too long": (about(STEADY, maxAge=2401), 400, "INVALID_ARGUMENT"),
    "no object": ([], 400, "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize(("body", "status", "code"), TROUBLE.values(), ids=TROUBLE.keys())
def test_every_trouble_has_its_code(backend: httpx.Client, body: Any, status: int, code: str) -> None:
    told, answer = call(backend, "sim-swap/v2/check", body)
    assert (told, answer["code"]) == (status, code)
    assert set(answer) == {"status", "code", "message"}


@pytest.mark.parametrize(
    ("device", "status", "code"),
    [
        (None, 422, "MISSING_IDENTIFIER"),
        ({}, 400, "INVALID_ARGUMENT"),
        ({"ipv6Address": "2001:db8::1"}, 422, "UNSUPPORTED_IDENTIFIER"),
    ],
)
def test_a_device_is_known_by_its_number(backend: httpx.Client, device: Any, status: int, code: str) -> None:
    body = {} if device is None else {"device": device}
    told, answer = call(backend, "device-roaming-status/v1/retrieve", body)
    assert (told, answer["code"]) == (status, code)


@pytest.mark.parametrize("path", ["sim-swap/v9/check", "sim-swap/v2/forget", "quality-on-demand/v1/sessions", "x"])
def test_what_is_not_there_is_said_in_the_same_form(backend: httpx.Client, path: str) -> None:
    response = backend.post(f"/camara/{path}", json={})
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_a_prefix_of_a_gateway_and_a_missing_version_do_not_matter(backend: httpx.Client) -> None:
    body = about(SWAPPED_3H, maxAge=24)
    for path in ("passthrough/camara/v1/sim-swap/sim-swap/v0/check", "sim-swap/check"):
        assert backend.post(f"/camara/{path}", json=body).json() == {"swapped": True}


def test_who_may_ask(stage: Stage) -> None:
    body, path = about(STEADY), f"{stage.broker.url}/camara/sim-swap/v2/check"
    none = httpx.post(path, json=body, trust_env=False)
    assert (none.status_code, none.json()["code"]) == (401, "UNAUTHENTICATED")
    agents = stage.broker.key("acme", "network:read", "trust:check", agent="till")
    for key in (stage.broker.agent_key, stage.broker.analyst_key, agents):
        with stage.broker.http(key) as http:
            assert call(http, "sim-swap/v2/check", body)[1]["code"] == "PERMISSION_DENIED"
    key = stage.broker.key("acme", "network:read")
    gateway = httpx.post(path, json=body, headers={"x-rapidapi-key": key}, trust_env=False)
    assert gateway.status_code == 200


def test_the_correlator_comes_back_or_is_refused(backend: httpx.Client) -> None:
    path, body = "/camara/sim-swap/v2/check", about(STEADY)
    assert backend.post(path, json=body, headers={"x-correlator": "a-1"}).headers["x-correlator"] == "a-1"
    refused = backend.post(path, json=body, headers={"x-correlator": "a b"})
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_ARGUMENT")


def test_each_question_is_recorded_before_and_after_without_the_number(stage: Stage, backend: httpx.Client) -> None:
    before = stage.rows("SELECT count(*) FROM log_leaves")[0][0]
    call(backend, "sim-swap/v2/check", about(SWAPPED_3H, maxAge=24))
    leaves = [json.loads(body) for (body,) in stage.rows("SELECT body FROM log_leaves")][before:]
    asked, answered = [leaf for leaf in leaves if leaf["event"].startswith("network.")]
    assert (asked["event"], answered["event"]) == ("network.ask", "network.answer")
    assert asked["about"] == "sim-swap/check FraudPreventionAndDetection legitimate_interest"
    assert answered["about"] == "sim-swap/check alba 2.1.0 observed"
    assert asked["by"] == answered["by"] == "backend"
    assert not re.search(r"600000102|swapped", json.dumps(leaves))


def test_a_stop_of_everything_stops_this_too(stage: Stage) -> None:
    with stage.broker.http(stage.broker.key("halted", "policy:stop", "policy:read", consumer="ana")) as person:
        person.post("/v1/policies/stops", json={"kind": "tenant", "reason": "looking into it"}).raise_for_status()
    with stage.broker.http(stage.broker.key("halted", "network:read")) as http:
        status, answer = call(http, "sim-swap/v2/check", about(STEADY))
    assert (status, answer["code"]) == (403, "PERMISSION_DENIED")


def basic(secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode()}


def test_a_client_that_asks_for_a_token_first_gets_one(stage: Stage) -> None:
    key = stage.broker.key("acme", "network:read")
    with httpx.Client(trust_env=False, headers=basic(key)) as http:
        found = http.get(f"{stage.broker.url}/camara/.well-known/openid-configuration").json()
        credentials = {"grant_type": "client_credentials", "scope": "sim-swap"}
        simple = http.post(found["token_endpoint"], data=credentials).json()
        order = {"scope": "sim-swap", "login_hint": f"tel:{STEADY}"}
        ordered = http.post(found["backchannel_authentication_endpoint"], data=order).json()
        ciba = {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": ordered["auth_req_id"]}
        redeemed = http.post(found["token_endpoint"], data=ciba).json()
    for token in (simple, redeemed):
        assert (token["token_type"], token["scope"]) == ("Bearer", "sim-swap")
        with stage.broker.http(token["access_token"]) as http:
            assert call(http, "sim-swap/v2/check", about(STEADY)) == (200, {"swapped": False})


def test_a_token_is_for_who_may_have_one(stage: Stage) -> None:
    ours, theirs = (stage.broker.key("acme", "network:read") for _ in range(2))
    url, ciba = f"{stage.broker.url}/camara/oauth2", "urn:openid:params:grant-type:ciba"

    def ask(secret: str, path: str = "token", **form: str) -> tuple[int, str]:
        response = httpx.post(f"{url}/{path}", data=form, headers=basic(secret), trust_env=False)
        return response.status_code, response.json().get("error") or response.json().get("auth_req_id", "")

    _, order = ask(ours, "backchannel-authentication", scope="sim-swap", login_hint=f"tel:{STEADY}")
    changed = order[:-8] + ("AAAA" if order[-8:-4] != "AAAA" else "BBBB") + order[-4:]
    wanted = {"grant_type": "client_credentials", "scope": "sim-swap"}
    assert ask("tb_wrong", **wanted) == (401, "invalid_client")
    assert ask(stage.broker.agent_key, **wanted) == (400, "unauthorized_client")
    assert ask(ours, grant_type="password", scope="x") == (400, "unsupported_grant_type")
    assert ask(ours, grant_type="client_credentials") == (400, "invalid_scope")
    assert ask(ours, "backchannel-authentication", scope="x", login_hint="me") == (400, "unknown_user_id")
    for secret, sent in ((theirs, order), (ours, changed), (ours, "nothing"), (ours, "")):
        assert ask(secret, grant_type=ciba, auth_req_id=sent) == (400, "invalid_grant")
