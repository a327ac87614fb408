"""number-verification: is this the number of the SIM that carries the person's data session? Releases 0.3.1 to 2.1.1.

2.1.1 is known from its release notes: tokens of 300 s that serve once, which are asked for here in every release. The
operation that gives the number in clear is not used.
"""

from hashlib import sha256

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, IdentifierRule, NumberClaim, Reading
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Match, SignalName

_VERIFY = "verify"
_SCOPES = {_VERIFY: "number-verification:verify"}
# Defensive: with a tel: token the number would vouch for itself, and every answer would be yes.
_BY_SIM = frozenset({Flow.JWT_BEARER_OPERATOR_TOKEN, Flow.AUTHORIZATION_CODE, Flow.CIBA})
# CIBA and operator tokens came with 2.0.0.
_BY_BROWSER = frozenset({Flow.AUTHORIZATION_CODE})


class _VerifyAnswer(msgspec.Struct):
    verified: bool = msgspec.field(name="devicePhoneNumberVerified")


_ANSWERS = Reader(_VerifyAnswer)


async def ask(line: ApiLine) -> Reading:
    """Whether the authenticated line has the number. The number in the body is the claim, not an identifier."""
    answer = await line.post(_VERIFY, _claim(line), _ANSWERS)
    return Reading(Match(answer.verified))


def _claim(line: ApiLine) -> dict[str, object]:
    """Exactly one of the two members. A hash hides nothing, for all numbers can be tried; some operators want it."""
    if line.terms.number_claim is NumberClaim.PLAIN:
        return {"phoneNumber": line.phone}
    number = line.query.phone.e164
    if line.terms.number_claim is NumberClaim.SHA256_WITHOUT_PLUS:
        number = number.removeprefix("+")
    return {"hashedPhoneNumber": sha256(number.encode("ascii")).hexdigest()}


def _version(
    version: str, base_path: str, scopes: dict[str, str], flows: frozenset[Flow], *, from_notes: bool = False
) -> ApiVersion:
    return ApiVersion(
        SignalName.NUMBER_VERIFICATION,
        "number-verification",
        version,
        base_path,
        scopes,
        ask,
        identifier=IdentifierRule.NEVER,
        flows=flows,
        single_use=True,
        from_notes=from_notes,
        compares_owner=True,
    )


VERSIONS = (
    _version("0.3.1", "/number-verification/v0", {_VERIFY: "number-verification-verify-read"}, _BY_BROWSER),
    _version("1.0.0", "/number-verification/v1", _SCOPES, _BY_BROWSER),
    _version("2.0.0", "/number-verification/v2", _SCOPES, _BY_SIM),
    _version("2.1.0", "/number-verification/v2", _SCOPES, _BY_SIM),
    _version("2.1.1", "/number-verification/v2", _SCOPES, _BY_SIM, from_notes=True),
)
