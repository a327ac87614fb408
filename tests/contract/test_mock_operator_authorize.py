"""The authorization endpoint and its codes: the network says who is there, the code is good once and for one client."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from adapters.mock.operator.profile import AuthorizeTerms, load_profile
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_client import PURPOSE

BACK = "http://127.0.0.1:8080/v1/step-up/callback"
STEADY, NO_CONSENT = "+34600000101", "+34600000109"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED: dict[str, Any] = {
    "response_type": "code",
    "client_id": "trust-broker",
    "redirect_uri": BACK,
    "scope": f"openid {PURPOSE} number-verification:verify",
    "state": "state-1",
    "nonce": "nonce-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "prompt": "none",
}


@pytest.fixture(scope="module")
def alba() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningOperator]:
    terms = AuthorizeTerms(signed_requests="required")
    with running_operator(load_profile("alba").model_copy(update={"authorize": terms})) as operator:
        yield operator


def answer_of(response: httpx.Response) -> dict[str, str]:
    """The parameters of the redirection, which goes to the client and nowhere else."""
    assert response.status_code == 302, response.text
    location = response.headers["location"]
    assert location.startswith(f"{BACK}?")
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


def code_for(operator: RunningOperator, cellular: str = STEADY, **changes: Any) -> str:
    return answer_of(operator.client.send_browser(cellular, **ASKED | changes))["code"]


def redeem(operator: RunningOperator, code: str, /, **changes: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return operator.client.ask(form | operator.client.proof() | changes)


def verified(operator: RunningOperator, token: str, number: str = STEADY) -> httpx.Response:
    return operator.client.call(token, "/number-verification/v2/verify", {"phoneNumber": number})


def test_a_sim_gets_a_code_the_code_a_token_and_the_token_one_answer(alba: RunningOperator) -> None:
    answer = answer_of(alba.client.send_browser(STEADY, **ASKED))
    assert (answer["state"], answer["iss"]) == ("state-1", alba.url)
    token = redeem(alba, answer["code"]).json()
    assert (token["token_type"], token["scope"]) == ("Bearer", ASKED["scope"])
    claims = json.loads(base64.urlsafe_b64decode(token["id_token"].split(".")[1] + "=="))
    assert (claims["nonce"], claims["amr"], claims["aud"]) == ("nonce-1", ["sim"], "trust-broker")
    assert STEADY.removeprefix("+") not in json.dumps(claims)
    assert verified(alba, token["access_token"]).json() == {"devicePhoneNumberVerified": True}
    assert verified(alba, token["access_token"]).status_code == 401


def test_another_sim_is_another_number(alba: RunningOperator) -> None:
    token = redeem(alba, code_for(alba, "+34600000102")).json()["access_token"]
    assert verified(alba, token).json() == {"devicePhoneNumberVerified": False}


@pytest.mark.parametrize(
    ("cellular", "changes", "error"),
    [
        (None, {}, "login_required"),
        ("+34600000404", {}, "login_required"),
        ("not a number", {}, "login_required"),
        (NO_CONSENT, {}, "consent_required"),
        (NO_CONSENT, {"prompt": ...}, "access_denied"),
        (STEADY, {"response_type": "token"}, "unsupported_response_type"),
        (STEADY, {"code_challenge": ...}, "invalid_request"),
        (STEADY, {"code_challenge_method": "plain"}, "invalid_request"),
        (STEADY, {"code_challenge_method": ...}, "invalid_request"),
        (STEADY, {"prompt": "dance"}, "invalid_request"),
        (STEADY, {"scope": "openid number-verification:verify"}, "invalid_scope"),
        (STEADY, {"scope": f"{PURPOSE} number-verification:everything"}, "invalid_scope"),
        (STEADY, {"state": "s" * 1025}, "invalid_request"),
        (STEADY, {"request_uri": "https://elsewhere.example"}, "request_uri_not_supported"),
        (STEADY, {"request": "a.b.c"}, "invalid_request_object"),
    ],
    ids=str,
)
def test_a_refusal_goes_back_with_state_and_issuer(
    alba: RunningOperator, cellular: str | None, changes: dict[str, Any], error: str
) -> None:
    answer = answer_of(alba.client.send_browser(cellular, **ASKED | changes))
    assert answer["error"] == error
    assert answer["iss"] == alba.url
    assert "code" not in answer


@pytest.mark.parametrize("changes", [{"redirect_uri": f"{BACK}/x"}, {"client_id": "stranger"}, {"redirect_uri": ...}])
def test_nobody_is_sent_to_an_address_that_is_not_registered(alba: RunningOperator, changes: dict[str, Any]) -> None:
    response = alba.client.send_browser(STEADY, **ASKED | changes)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert "location" not in response.headers


@pytest.mark.parametrize(
    "changes",
    [{"code_verifier": "w" * 43}, {"code_verifier": "v"}, {"redirect_uri": "http://127.0.0.1/other"}, {"code": "x"}],
    ids=str,
)
def test_a_code_is_nothing_without_what_it_was_asked_with(alba: RunningOperator, changes: dict[str, str]) -> None:
    response = redeem(alba, code_for(alba), **changes)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_a_second_use_of_a_code_ends_the_token_of_the_first(alba: RunningOperator) -> None:
    code = code_for(alba, scope=f"{PURPOSE} sim-swap:check")
    token = redeem(alba, code).json()["access_token"]
    assert alba.client.call(token, "/sim-swap/v2/check", {}).status_code == 200
    assert redeem(alba, code).json()["error"] == "invalid_grant"
    assert alba.client.call(token, "/sim-swap/v2/check", {}).status_code == 401


def test_a_code_lives_a_minute() -> None:
    with running_operator("alba") as operator:
        code = code_for(operator)
        operator.control.advance(61, authorization=True)
        now = int(operator.client.now().timestamp()) + 61
        proof = operator.client.assertion(iat=now, exp=now + 60)
        assert redeem(operator, code, client_assertion=proof).json()["error"] == "invalid_grant"


def test_signed_requests_are_read_from_the_object_alone(strict: RunningOperator) -> None:
    client = strict.client
    beside = {name: ASKED[name] for name in ("scope", "response_type", "client_id", "redirect_uri")}
    aud = f"{strict.url}/oauth2/authorize"
    signed = client.assertion(sub=..., aud=aud, **ASKED)
    answer = answer_of(client.send_browser(STEADY, **beside, state="forged", request=signed))
    assert answer["state"] == "state-1"
    assert redeem(strict, answer["code"]).status_code == 200
    assert answer_of(client.send_browser(STEADY, **ASKED))["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("claims", "outside"),
    [
        ({}, {"scope": f"{PURPOSE} sim-swap:check"}),
        ({}, {"response_type": ...}),
        ({"sub": "trust-broker"}, {}),
        ({"jti": ...}, {}),
        ({"iss": "stranger"}, {}),
        ({"aud": "https://elsewhere.example"}, {}),
        ({"exp": 1}, {}),
    ],
    ids=str,
)
def test_a_request_object_that_breaks_a_rule_is_refused(
    strict: RunningOperator, claims: dict[str, Any], outside: dict[str, Any]
) -> None:
    beside = {name: ASKED[name] for name in ("scope", "response_type", "client_id", "redirect_uri")}
    signed = strict.client.assertion(**{"sub": ..., "aud": f"{strict.url}/oauth2/authorize", **ASKED, **claims})
    answer = answer_of(strict.client.send_browser(STEADY, **beside | {"request": signed} | outside))
    assert answer["error"] == "invalid_request_object"


def test_a_request_object_is_good_once(strict: RunningOperator) -> None:
    beside = {name: ASKED[name] for name in ("scope", "response_type", "client_id", "redirect_uri")}
    signed = strict.client.assertion(sub=..., aud=strict.url, **ASKED)
    assert "code" in answer_of(strict.client.send_browser(STEADY, **beside, request=signed))
    assert answer_of(strict.client.send_browser(STEADY, **beside, request=signed))["error"] == "invalid_request_object"


def test_the_metadata_says_so(alba: RunningOperator, strict: RunningOperator) -> None:
    for operator, signed in ((alba, False), (strict, True)):
        found = operator.client.http.get("/.well-known/openid-configuration").json()
        assert found["authorization_endpoint"] == f"{operator.url}/oauth2/authorize"
        assert found["code_challenge_methods_supported"] == ["S256"]
        assert found["authorization_response_iss_parameter_supported"] is True
        assert found.get("require_signed_request_object", False) is signed
    with running_operator("borealis") as other:
        assert "authorization_endpoint" not in other.client.http.get("/.well-known/openid-configuration").json()
