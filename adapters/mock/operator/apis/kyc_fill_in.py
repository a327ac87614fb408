"""kyc-fill-in 0.3 and 0.4: what is on record about the holder of a contract, in clear, as far as the scopes go."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.kyc_match import SINCE_0_4, SINCE_0_5
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question
from adapters.mock.operator.apis.tenure import phone_identifier
from adapters.mock.operator.network.events import Identity
from adapters.mock.operator.network.person import Person

EVERYTHING = "kyc-fill-in:set-all"
NUMBER = "kyc-fill-in:phoneNumber"


class KycFillInRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Whose record, for a two-legged token."""

    phone_number: PhoneNumber | UnsetType = UNSET


def _answer_struct() -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = [("phone_number", PhoneNumber | UnsetType, UNSET)]
    fields += [(field.name, field.type | UnsetType, UNSET) for field in msgspec.structs.fields(Person)]
    return msgspec.defstruct("KycFillInResponse", fields, frozen=True, rename="camel", kw_only=True, module=__name__)


KycFillInResponse = _answer_struct()
SCOPES = {field.name: f"kyc-fill-in:{field.encode_name}" for field in msgspec.structs.fields(Person)}


def _record(question: Question) -> msgspec.Struct:
    """What is on record and permitted; what is not on record is left out."""
    person = question.line.state(Identity).person
    later = SINCE_0_4 if question.dialect.version == "0.3.0" else SINCE_0_5
    told = {
        name: getattr(person, name)
        for name, scope in SCOPES.items()
        if name not in later and question.scopes & {scope, EVERYTHING} and getattr(person, name) is not None
    }
    if question.scopes & {NUMBER, EVERYTHING}:
        told["phone_number"] = question.phone_number
    return KycFillInResponse(**told)


KYC_FILL_IN = (
    Operation(
        method="POST",
        path="/fill-in",
        name="KYC_Fill-in",
        summary="What is on record about the holder of a contract",
        scopes=frozenset({EVERYTHING, NUMBER, *SCOPES.values()}),
        body=KycFillInRequest,
        identifier=phone_identifier,
        answer_type=KycFillInResponse,
        answer=_record,
    ),
)
