"""one-time-password-sms 1.0 and 1.1: a code by text message, and whether somebody can repeat it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.operation import Identifier, Operation, PhoneNumber, Question
from adapters.mock.operator.network.events import Messages
from adapters.mock.operator.network.sms import SmsCentre, Verdict

PREFIX = "ONE_TIME_PASSWORD_SMS."
REFUSED = {
    Verdict.WRONG: ("INVALID_OTP", "the code is wrong"),
    Verdict.EXHAUSTED: ("VERIFICATION_FAILED", "there were too many wrong codes"),
    Verdict.EXPIRED: ("VERIFICATION_EXPIRED", "the code is no longer valid"),
}


class SendCode(msgspec.Struct, frozen=True, rename="camel"):
    """To whom, and the text around ``{{code}}``."""

    phone_number: PhoneNumber
    message: Annotated[str, Meta(pattern=r".*\{\{code\}\}.*", max_length=160)]


class SendCodeResponse(msgspec.Struct, frozen=True, rename="camel"):
    """What to name when the code is validated."""

    authentication_id: Annotated[str, Meta(max_length=36)]


class ValidateCode(msgspec.Struct, frozen=True, rename="camel"):
    """What was typed in."""

    authentication_id: Annotated[str, Meta(max_length=36)]
    code: Annotated[str, Meta(max_length=10)]


def _recipient(body: Any) -> Identifier:
    return Identifier(body.phone_number)


def _owner(sms: SmsCentre, client_id: str, body: ValidateCode) -> str | None:
    return sms.owner(client_id, body.authentication_id)


def _send(question: Question) -> SendCodeResponse:
    body: SendCode = question.body
    delivery, sms = question.line.state(Messages).delivery, question.around.sms
    if delivery == "barred":
        raise CamaraError(403, f"{PREFIX}PHONE_NUMBER_BLOCKED", "the subscriber does not take text messages")
    if delivery == "impossible" or question.line.sim_changed_at is None:
        raise CamaraError(403, f"{PREFIX}PHONE_NUMBER_NOT_ALLOWED", "this number cannot get text messages")
    if not sms.may_send(question.phone_number, question.now):
        raise CamaraError(403, f"{PREFIX}MAX_OTP_CODES_EXCEEDED", "too many codes were sent to this number")
    return SendCodeResponse(sms.send_password(question.client_id, question.phone_number, body.message, question.now))


def _validate(question: Question) -> None:
    body: ValidateCode = question.body
    verdict = question.around.sms.try_password(body.authentication_id, body.code, question.now)
    if verdict is not Verdict.RIGHT:
        code, message = REFUSED[verdict]
        raise CamaraError(400, PREFIX + code, message)


ONE_TIME_PASSWORD_SMS = (
    Operation(
        method="POST",
        path="/send-code",
        name="sendCode",
        summary="Send a one-time password by text message",
        scopes=frozenset({"one-time-password-sms:send-validate"}),
        body=SendCode,
        identifier=_recipient,
        answer_type=SendCodeResponse,
        answer=_send,
    ),
    Operation(
        method="POST",
        path="/validate-code",
        name="validateCode",
        summary="Whether a one-time password is right",
        scopes=frozenset({"one-time-password-sms:send-validate"}),
        body=ValidateCode,
        reference=_owner,
        status=204,
        answer_type=None,
        answer=_validate,
    ),
)
