"""kyc-tenure: has one person held the line since a day? Releases 0.1.0 and 0.2.0.

0.3.0 is published, and its file is not at hand. What it adds is understood already: ``OUT_OF_RANGE`` for a day before
the operator's threshold, and 429.
"""

from typing import Literal

import msgspec

from broker.adapter_kit.camara.days import day_asked
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Contract, SignalName, Tenure

_CHECK = "check-tenure"
_SCOPES = {_CHECK: "kyc-tenure:check-tenure"}


class _TenureAnswer(msgspec.Struct):
    continuous: bool = msgspec.field(name="tenureDateCheck")
    contract: Literal["PAYG", "PAYM", "Business"] | None = msgspec.field(default=None, name="contractType")


_ANSWERS = Reader(_TenureAnswer)
_CONTRACTS = {"PAYG": Contract.PREPAID, "PAYM": Contract.POSTPAID, "Business": Contract.BUSINESS}


async def ask(line: ApiLine) -> Reading:
    """Whether the tenure has been continuous since the day of the query; porting in begins it anew."""
    since = day_asked(line)
    answer = await line.post(_CHECK, {**line.phone_body, "tenureDate": since.isoformat()}, _ANSWERS)
    contract = None if answer.contract is None else _CONTRACTS[answer.contract]
    return Reading(Tenure(since, answer.continuous, contract))


VERSIONS = tuple(
    ApiVersion(SignalName.KYC_TENURE, "kyc-tenure", version, base_path, _SCOPES, ask)
    for version, base_path in (("0.1.0", "/kyc-tenure/v0.1"), ("0.2.0", "/kyc-tenure/v0.2"))
)
