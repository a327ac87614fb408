"""CIBA in poll mode: the person is asked once, the client waits as long as it is told, the token comes once."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.mock.operator.profile import CibaTerms, SubjectForm, load_profile
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_client import PURPOSE, OperatorClient

STEADY, SILENT = "+34600000101", "+34600000109"
SAYS_YES, SAYS_NO, SAYS_YES_LATER = "+34600000151", "+34600000152", "+34600000153"


@pytest.fixture
def alba() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


def begun(client: OperatorClient, number: str, *scopes: str) -> str:
    response = client.ask_person(f"tel:{number}", *(scopes or ("sim-swap:check",)))
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert (body["expires_in"], body["interval"]) == (120, 2)
    return str(body["auth_req_id"])


class Time:
    """Moves the operator's clock, and the client's with it."""

    def __init__(self, operator: RunningOperator) -> None:
        self._operator, self._passed_s = operator, 0
        self._now = operator.client.now

    def passes(self, seconds: int) -> None:
        from datetime import timedelta

        self._operator.control.advance(seconds, authorization=True)
        self._passed_s += seconds
        passed = timedelta(seconds=self._passed_s)
        self._operator.client.now = lambda: self._now() + passed


def error_of(response: httpx.Response) -> str:
    assert response.status_code == 400, response.text
    return str(response.json()["error"])


def test_with_consent_on_file_the_first_poll_succeeds_and_nobody_is_asked(alba: RunningOperator) -> None:
    auth_req_id = begun(alba.client, STEADY)
    body = alba.client.poll(auth_req_id).json()
    assert body["scope"] == f"openid {PURPOSE} sim-swap:check"
    assert alba.client.call(body["access_token"], "/sim-swap/v2/check", {}).json() == {"swapped": False}
    assert alba.control.prompts(STEADY) == []
    assert error_of(alba.client.poll(auth_req_id)) == "invalid_grant"


def test_the_person_is_asked_and_yes_is_a_consent(alba: RunningOperator) -> None:
    time = Time(alba)
    auth_req_id = begun(alba.client, SILENT)
    (prompt,) = alba.control.prompts(SILENT)
    assert (prompt["client"], prompt["scopes"], prompt["standing"]) == ("trust-broker", ["sim-swap:check"], "pending")
    assert error_of(alba.client.poll(auth_req_id)) == "authorization_pending"
    alba.control.answer(SILENT, approve=True)
    time.passes(2)
    token = alba.client.poll(auth_req_id).json()["access_token"]
    assert alba.client.call(token, "/sim-swap/v2/check", {}).status_code == 200
    assert [one["standing"] for one in alba.control.prompts(SILENT)] == ["collected"]
    begun(alba.client, SILENT)
    assert len(alba.control.prompts(SILENT)) == 1


@pytest.mark.parametrize(
    ("number", "first", "after_s", "then"),
    [
        (SAYS_YES, None, 0, None),
        (SAYS_NO, "access_denied", 0, None),
        (SAYS_YES_LATER, "authorization_pending", 30, None),
        (SILENT, "authorization_pending", 121, "expired_token"),
    ],
    ids=str,
)
def test_sandbox_persons_answer_by_themselves(
    alba: RunningOperator, number: str, first: str | None, after_s: int, then: str | None
) -> None:
    time = Time(alba)
    auth_req_id = begun(alba.client, number)
    answer = alba.client.poll(auth_req_id)
    assert (answer.status_code == 200) is (first is None)
    assert answer.json().get("error") == first
    if after_s:
        time.passes(after_s)
        assert alba.client.poll(auth_req_id).json().get("error") == then


def test_whoever_polls_too_often_must_slow_down_for_good(alba: RunningOperator) -> None:
    time = Time(alba)
    auth_req_id = begun(alba.client, SILENT)
    assert error_of(alba.client.poll(auth_req_id)) == "authorization_pending"
    assert error_of(alba.client.poll(auth_req_id)) == "slow_down"
    time.passes(6)
    assert error_of(alba.client.poll(auth_req_id)) == "slow_down", "five seconds more than two"
    time.passes(12)
    assert error_of(alba.client.poll(auth_req_id)) == "authorization_pending"


@pytest.mark.parametrize(
    ("hint", "form", "status", "error"),
    [
        ("tel:+34600000404", {}, 400, "unknown_user_id"),
        ("tel:34600000101", {}, 400, "unknown_user_id"),
        ("ipport:80.90.34.2", {}, 400, "unknown_user_id"),
        (None, {}, 400, "invalid_request"),
        ("tel:+34600000101", {"login_hint_token": "x"}, 400, "invalid_request"),
        ("tel:+34600000101", {"id_token_hint": "x"}, 400, "invalid_request"),
        ("tel:+34600000101", {"scope": "openid sim-swap:check"}, 400, "invalid_scope"),
        ("tel:+34600000101", {"request": "x.y.z"}, 400, "invalid_request_object"),
        ("tel:+34600000101", {"client_assertion": "x.y.z"}, 401, "invalid_client"),
    ],
    ids=str,
)
def test_a_broken_request_is_refused_by_its_rule(
    alba: RunningOperator, hint: str | None, form: dict[str, str], status: int, error: str
) -> None:
    response = alba.client.ask_person(hint, "sim-swap:check", **form)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_a_client_assertion_names_the_endpoint_it_is_sent_to(alba: RunningOperator) -> None:
    proof = alba.client.assertion(aud=alba.client.token_url)
    response = alba.client.ask_person(f"tel:{STEADY}", "sim-swap:check", client_assertion=proof)
    assert response.json()["error"] == "invalid_client"


def test_what_the_servers_ignore_is_ignored(alba: RunningOperator) -> None:
    extra = {"binding_message": "b", "user_code": "1", "requested_expiry": "9", "acr_values": "2"}
    assert alba.client.ask_person(f"tel:{STEADY}", "sim-swap:check", **extra).json()["expires_in"] == 120


def test_an_operator_token_proves_the_sim_here_too(alba: RunningOperator) -> None:
    hint = f"operatortoken:{alba.control.operator_token(STEADY)}"
    auth_req_id = alba.client.ask_person(hint, "number-verification:verify").json()["auth_req_id"]
    token = alba.client.poll(auth_req_id).json()["access_token"]
    answer = alba.client.call(token, "/number-verification/v2/verify", {"phoneNumber": STEADY})
    assert answer.json() == {"devicePhoneNumberVerified": True}
    by_word = begun(alba.client, STEADY, "number-verification:verify")
    assert alba.client.poll(by_word).json()["error"] == "authorization_pending", "a number proves nothing: it is asked"
    alba.control.answer(STEADY, approve=True)
    Time(alba).passes(2)
    token = alba.client.poll(by_word).json()["access_token"]
    refused = alba.client.call(token, "/number-verification/v2/verify", {"phoneNumber": STEADY})
    assert refused.status_code == 403


def test_signed_requests_carry_everything_inside() -> None:
    terms = CibaTerms(subject_forms=frozenset({SubjectForm.TEL}), signed_requests="required")
    with running_operator(load_profile("alba").model_copy(update={"ciba": terms})) as operator:
        client, url = operator.client, f"{operator.url}/oauth2/bc-authorize"
        inside: dict[str, Any] = {"scope": f"openid {PURPOSE} sim-swap:check", "login_hint": f"tel:{STEADY}"}
        signed = client.assertion(sub=..., aud=url, **inside)
        form = {"request": signed} | client.proof(aud=url)
        begun_at = client.http.post("/oauth2/bc-authorize", data=form | {"scope": "openid forged"})
        assert client.poll(begun_at.json()["auth_req_id"]).status_code == 200
        assert client.ask_person(f"tel:{STEADY}", "sim-swap:check").json()["error"] == "invalid_request"


def test_a_fault_may_hit_the_backchannel_alone(alba: RunningOperator) -> None:
    alba.control.fault("status", {"type": "backchannel"}, status=503)
    assert alba.client.ask_person(f"tel:{STEADY}", "sim-swap:check").status_code == 503
    assert alba.client.ask_two_legged("sim-swap:check").status_code == 200


def test_an_operator_without_a_backchannel_says_so() -> None:
    with running_operator("borealis") as operator:
        response = operator.client.ask_person("tel:+447700000101", "sim-swap:check")
        assert response.json()["error"] == "unauthorized_client"
