"""number-verification: is this the number of the SIM that carries the person's data session? Release 2.1.0."""

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, IdentifierRule, Reading
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Match, SignalName

_VERIFY = "verify"


class _VerifyAnswer(msgspec.Struct):
    verified: bool = msgspec.field(name="devicePhoneNumberVerified")


_ANSWERS = Reader(_VerifyAnswer)


async def ask(line: ApiLine) -> Reading:
    """Whether the authenticated line has the number. The number in the body is the claim, not an identifier."""
    answer = await line.post(_VERIFY, {"phoneNumber": line.phone}, _ANSWERS)
    return Reading(Match(answer.verified))


VERSIONS = (
    ApiVersion(
        SignalName.NUMBER_VERIFICATION,
        "number-verification",
        "2.1.0",
        "/number-verification/v2",
        {_VERIFY: "number-verification:verify"},
        ask,
        identifier=IdentifierRule.NEVER,
        # Defensive: with a tel: token the number would vouch for itself, and every answer would be yes.
        flows=frozenset({Flow.JWT_BEARER_OPERATOR_TOKEN, Flow.AUTHORIZATION_CODE, Flow.CIBA}),
        single_use=True,
    ),
)
