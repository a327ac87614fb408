"""One-time passwords: sent, read from the inbox, right once, and limited in number, time and attempts."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.mock.operator.network.sms import SmsCentre
from tests.support.clocks import NOON, HandClock
from tests.support.mock_operator import RunningOperator, running_operator

SCOPE = "one-time-password-sms:send-validate"
SEND, VALIDATE = "/one-time-password-sms/v1/send-code", "/one-time-password-sms/v1/validate-code"


@pytest.fixture(scope="module")
def alba_started() -> Iterator[RunningOperator]:
    with running_operator("alba", now=HandClock().now) as operator:
        yield operator


@pytest.fixture
def alba(alba_started: RunningOperator) -> RunningOperator:
    alba_started.control.reset()
    return alba_started


def _send(operator: RunningOperator, ending: str = "000101", token: str | None = None) -> httpx.Response:
    body = {"phoneNumber": operator.number(ending), "message": "Your code is {{code}}."}
    return operator.client.call(token or operator.client.token(SCOPE), SEND, body)


def _inbox(operator: RunningOperator, ending: str = "000101") -> list[str]:
    messages: Any = operator.control.http.get(f"/subscribers/{operator.number(ending)}/messages").json()
    return [message["text"] for message in messages]


def _code(operator: RunningOperator) -> str:
    found = re.fullmatch(r"Your code is (\d{6})\.", _inbox(operator)[-1])
    assert found
    return found[1]


def _validate(operator: RunningOperator, reference: str, code: str) -> str | None:
    body = {"authenticationId": reference, "code": code}
    response = operator.client.call(operator.client.token(SCOPE), VALIDATE, body)
    if response.status_code == 204:
        assert response.content == b""
        assert "x-correlator" in response.headers
        return None
    assert response.status_code == response.json()["status"]
    return str(response.json()["code"]).removeprefix("ONE_TIME_PASSWORD_SMS.")


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_code_is_right_once(alba: RunningOperator) -> None:
    reference = _send(alba).json()["authenticationId"]
    code = _code(alba)
    assert _validate(alba, reference, _wrong(code)) == "INVALID_OTP"
    assert _validate(alba, reference, code) is None
    assert _validate(alba, reference, code) == "VERIFICATION_EXPIRED"
    assert _validate(alba, "never-sent", code) == "NOT_FOUND"


def test_the_third_wrong_code_ends_it(alba: RunningOperator) -> None:
    reference = _send(alba).json()["authenticationId"]
    code = _code(alba)
    verdicts = [_validate(alba, reference, _wrong(code)) for _ in range(3)]
    assert verdicts == ["INVALID_OTP", "INVALID_OTP", "VERIFICATION_FAILED"]
    assert _validate(alba, reference, code) == "VERIFICATION_FAILED"


def test_a_code_ends_with_time_and_with_the_next_one(alba: RunningOperator) -> None:
    first, first_code = _send(alba).json()["authenticationId"], _code(alba)
    second, second_code = _send(alba).json()["authenticationId"], _code(alba)
    assert _validate(alba, first, first_code) == "VERIFICATION_EXPIRED"
    alba.control.advance(300)
    assert _validate(alba, second, second_code) == "VERIFICATION_EXPIRED"


def test_five_codes_an_hour_are_enough(alba: RunningOperator) -> None:
    codes = [_send(alba).json().get("code") for _ in range(6)]
    assert codes == [None] * 5 + ["ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"]
    assert _send(alba, "000102").status_code == 200
    alba.control.advance(3601)
    assert _send(alba).status_code == 200


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        ("000127", 403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_BLOCKED"),
        ("000128", 403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED"),
        ("000116", 403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED"),
        ("000108", 403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED"),
        ("000404", 404, "NOT_FOUND"),
        ("000109", 403, "PERMISSION_DENIED"),
    ],
)
def test_who_cannot_get_a_code_gets_none(alba: RunningOperator, ending: str, status: int, code: str) -> None:
    response = _send(alba, ending)
    assert (response.status_code, response.json()["code"]) == (status, code)
    if ending != "000404":
        assert _inbox(alba, ending) == []


def test_a_token_about_somebody_else_sends_nothing(alba: RunningOperator) -> None:
    token = alba.client.token_for("operatortoken:ot-34600000101", SCOPE)
    assert _send(alba, "000101", token).status_code == 200
    assert _send(alba, "000102", token).json()["code"] == "INVALID_TOKEN_CONTEXT"
    reference = _send(alba, "000102").json()["authenticationId"]
    body = {"authenticationId": reference, "code": "000000"}
    assert alba.client.call(token, VALIDATE, body).json()["code"] == "NOT_FOUND"


def test_the_code_of_another_client_does_not_exist() -> None:
    centre = SmsCentre()
    reference = centre.send_password("one", "+34600000101", "{{code}}", NOON)
    assert centre.owner("one", reference) == "+34600000101"
    assert centre.owner("another", reference) is None
