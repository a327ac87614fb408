"""kyc-age-verification: is the holder of the line old enough? Releases 0.1.0 and 0.2.1, and 0.3.0-rc.1.

Content lock and parental control are not asked for: they are about a contract's settings and not about trust.
"""

from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import AgeCheck, SignalName, Unavailability

_VERIFY = "verify"
_SCOPES = {_VERIFY: "kyc-age-verification:verify"}
_AGES = range(121)
_SCORES = range(101)
# The API knows fewer claims than kyc-match, and newer releases refuse a member that they do not declare.
_CLAIMS = ("idDocument", "name", "givenName", "familyName", "middleNames", "birthdate", "email")


class _AgeAnswer(msgspec.Struct):
    age: Literal["true", "false", "not_available"] = msgspec.field(name="ageCheck")
    verified: bool | None = msgspec.field(default=None, name="verifiedStatus")
    score: int | None = msgspec.field(default=None, name="identityMatchScore")


_ANSWERS = Reader(_AgeAnswer)


async def ask(line: ApiLine) -> Reading:
    """Whether the age of the query is reached. Without claims the answer is about whoever holds the contract."""
    threshold = line.query.age_threshold_years
    if threshold is None or threshold not in _AGES:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_AGE_GIVEN)
    claims = line.query.claims.given() if line.query.claims else {}
    known = {name: claims[name] for name in _CLAIMS if name in claims}
    answer = await line.post(_VERIFY, {**line.phone_body, **known, "ageThreshold": threshold}, _ANSWERS)
    if answer.age == "not_available":
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NOT_ON_FILE)
    if answer.score is not None and answer.score not in _SCORES:
        raise malformed(KitCode.ABSURD_VALUE)
    return Reading(AgeCheck(threshold, answer.age == "true", answer.verified, answer.score))


VERSIONS = tuple(
    ApiVersion(SignalName.KYC_AGE, "kyc-age-verification", version, base_path, _SCOPES, ask)
    for version, base_path in (
        ("0.1.0", "/kyc-age-verification/v0.1"),
        ("0.2.1", "/kyc-age-verification/v0.2"),
        ("0.3.0-rc.1", "/kyc-age-verification/v0.3rc1"),
    )
)
