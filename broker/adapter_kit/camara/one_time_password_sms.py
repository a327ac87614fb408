"""one-time-password-sms: a code by text message, and whether the person has it. Releases 1.0.0 to 2.0.0.

2.0.0 is known from its release notes and a preview. What it proves is possession of the SIM, which a swap takes away.
"""

import re

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import IdentifierRule, InstrumentVersion, Line
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import (
    CheckPassword,
    PasswordSent,
    PasswordVerdict,
    SendPassword,
)
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Unavailability

_SEND, _VALIDATE = "send-code", "validate-code"
_SCOPE = "one-time-password-sms:send-validate"
_REFERENCE = re.compile(r"[!-~]{1,36}\Z")
_CODE_MAX = 10
_VERDICTS = {
    "ONE_TIME_PASSWORD_SMS.INVALID_OTP": PasswordVerdict.WRONG,
    "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED": PasswordVerdict.EXPIRED,
    "ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED": PasswordVerdict.EXHAUSTED,
}


class _SentAnswer(msgspec.Struct):
    reference: str = msgspec.field(name="authenticationId")


_ANSWERS = Reader(_SentAnswer)


async def carry_out(line: Line, order: SendPassword | CheckPassword) -> PasswordSent | PasswordVerdict:
    """Send a password, or check one."""
    return await _send(line, order) if isinstance(order, SendPassword) else await _check(line, order)


async def _send(line: Line, order: SendPassword) -> PasswordSent:
    """The number is always in the body, whatever the token."""
    answer = await line.post(_SEND, {"phoneNumber": line.phone, "message": order.message}, _ANSWERS)
    if not _REFERENCE.match(answer.reference):
        raise malformed(KitCode.ABSURD_VALUE)
    return PasswordSent(answer.reference)


async def _check(line: Line, order: CheckPassword) -> PasswordVerdict:
    """204 is the only yes there is."""
    if not 1 <= len(order.code) <= _CODE_MAX:
        return PasswordVerdict.WRONG  # no code of this API is as long; the operator would call the request broken
    try:
        await line.call(_VALIDATE, {"authenticationId": order.reference, "code": order.code}, done=(204,))
    except OperatorFault as fault:
        if fault.code in _VERDICTS:
            return _VERDICTS[fault.code]
        if (fault.reason, fault.code) == (Unavailability.UNKNOWN_SUBSCRIBER, "NOT_FOUND"):
            return PasswordVerdict.EXPIRED  # the operator has forgotten the password, not the number
        raise
    return PasswordVerdict.RIGHT


def _version(version: str, base_path: str, flows: frozenset[Flow], *, from_notes: bool = False) -> InstrumentVersion:
    return InstrumentVersion(
        instrument=InstrumentName.ONE_TIME_PASSWORD,
        api="one-time-password-sms",
        version=version,
        base_path=base_path,
        scopes=dict.fromkeys((_SEND, _VALIDATE), _SCOPE),
        carry_out=carry_out,
        # A number that is not this operator's, until 2.0.0 found a word of its own for it.
        not_found=Unavailability.UNKNOWN_SUBSCRIBER,
        identifier=IdentifierRule.ALWAYS,
        flows=flows,
        from_notes=from_notes,
    )


_BY_US = frozenset({Flow.CLIENT_CREDENTIALS, Flow.API_KEY})
VERSIONS = (
    _version("1.0.0", "/one-time-password-sms/v1", frozenset(Flow)),
    _version("1.1.0", "/one-time-password-sms/v1", frozenset(Flow)),
    _version("1.1.1", "/one-time-password-sms/v1", frozenset(Flow)),
    _version("2.0.0", "/one-time-password-sms/v2", _BY_US, from_notes=True),
)
