"""kyc-match 0.2 to 0.5: which of the claimed attributes of a person fit the operator's record."""

import re
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.claims import Email, Match, check_lengths, likeness_percent, match
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question
from adapters.mock.operator.apis.tenure import phone_identifier
from adapters.mock.operator.network.events import Identity
from adapters.mock.operator.network.person import DocumentType, Gender, Person

SCORE_MAX = {"0.2.1": 100, "0.3.0": 100}
"""The highest score of a text that does not fit; 99 since 0.4.0."""
SINCE_0_5 = frozenset({"bank_account_number"})
SINCE_0_4 = SINCE_0_5 | frozenset(
    {"id_document_type", "id_document_expiry_date", "city_of_birth", "country_of_birth", "nationality"}
)
UNKNOWN = {"0.2.1": SINCE_0_4, "0.3.0": SINCE_0_4, "0.4.0": SINCE_0_5}
"""What a version has not."""
UNSCORED = SINCE_0_4 - {"city_of_birth"} | {
    "id_document",
    "postal_code",
    "country",
    "house_number_extension",
    "birthdate",
    "gender",
}
"""Attributes that are equal or not, with nothing between."""
CHECKED = frozenset({"0.2.1", "0.5.0-rc.1"})
"""Versions that refuse a country that is no code: 0.2.1 by its test definitions, 0.5.0 by its schema."""
COUNTRY = re.compile("[A-Za-z]{2}")
Claimed = str | UnsetType
Score = Annotated[int, Meta(ge=0, le=100)] | UnsetType


class KycMatchRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is claimed; at least one attribute besides the number."""

    phone_number: PhoneNumber | UnsetType = UNSET
    id_document: Claimed = UNSET
    id_document_type: DocumentType | UnsetType = UNSET
    id_document_expiry_date: date | UnsetType = UNSET
    bank_account_number: Annotated[str, Meta(pattern=r"^[A-Z]+:[A-Za-z0-9]+$(?!\n)", max_length=50)] | UnsetType = UNSET
    name: Claimed = UNSET
    given_name: Claimed = UNSET
    family_name: Claimed = UNSET
    name_kana_hankaku: Claimed = UNSET
    name_kana_zenkaku: Claimed = UNSET
    middle_names: Claimed = UNSET
    family_name_at_birth: Claimed = UNSET
    address: Claimed = UNSET
    street_name: Claimed = UNSET
    street_number: Claimed = UNSET
    postal_code: Claimed = UNSET
    region: Claimed = UNSET
    locality: Claimed = UNSET
    country: Claimed = UNSET
    house_number_extension: Claimed = UNSET
    birthdate: date | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    gender: Gender | UnsetType = UNSET
    city_of_birth: Claimed = UNSET
    country_of_birth: Claimed = UNSET
    nationality: Claimed = UNSET


def _answer_struct() -> type[msgspec.Struct]:
    """``…Match`` for every attribute, and ``…MatchScore`` for those that can be nearly right."""
    fields: list[tuple[str, Any, Any]] = []
    for attribute in Person.__struct_fields__:
        fields.append((f"{attribute}_match", Match | UnsetType, UNSET))
        if attribute not in UNSCORED:
            fields.append((f"{attribute}_match_score", Score, UNSET))
    fields.append(("middle_names_score", Score, UNSET))
    return msgspec.defstruct("KycMatchResponse", fields, frozen=True, rename="camel", kw_only=True, module=__name__)


KycMatchResponse = _answer_struct()


def _check(dialect: Dialect, body: KycMatchRequest) -> None:
    check_lengths(dialect, body)
    countries = (body.country, body.country_of_birth, body.nationality)
    for country in countries if dialect.commonalities == "0.8" else countries[:1]:
        if dialect.version in CHECKED and isinstance(country, str) and not COUNTRY.fullmatch(country):
            raise invalid_argument("a country is no ISO 3166-1 alpha-2 code")
    if _claims(body, dialect):
        return
    if body.phone_number is UNSET:
        raise invalid_argument("nothing is claimed")
    raise CamaraError(400, "KNOW_YOUR_CUSTOMER.INVALID_PARAM_COMBINATION", "at least one attribute must be claimed")


def _claims(body: KycMatchRequest, dialect: Dialect) -> dict[str, Any]:
    """What this version knows of the claims; others are unknown members, which it ignores."""
    known = set(Person.__struct_fields__) - UNKNOWN.get(dialect.version, frozenset())
    claimed = {name: getattr(body, name) for name in Person.__struct_fields__ if name in known}
    return {name: value for name, value in claimed.items() if value is not UNSET}


def _matches(question: Question) -> msgspec.Struct:
    record = question.line.state(Identity)
    claims = _claims(question.body, question.dialect)
    if record.document_first:
        _must_name_document(claims, record.person)
    members: dict[str, Any] = {}
    for attribute, claimed in claims.items():
        known = getattr(record.person, attribute)
        members[f"{attribute}_match"] = match(claimed, known)
        if members[f"{attribute}_match"] == "false" and attribute not in UNSCORED:
            highest = SCORE_MAX.get(question.dialect.version, 99)
            members[_score_name(question.dialect, attribute)] = min(highest, likeness_percent(claimed, known))
    return KycMatchResponse(**members)


def _score_name(dialect: Dialect, attribute: str) -> str:
    """0.2.1 has one name that is unlike all others."""
    odd = dialect.version == "0.2.1" and attribute == "middle_names"
    return f"{attribute}_score" if odd else f"{attribute}_match_score"


def _must_name_document(claims: dict[str, Any], person: Person) -> None:
    if "id_document" not in claims:
        raise CamaraError(403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED", "the identity document is needed")
    if match(claims["id_document"], person.id_document) != "true":
        raise CamaraError(403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH", "this is not the document on record")


KYC_MATCH = (
    Operation(
        method="POST",
        path="/match",
        name="KYC_Match",
        summary="Which claimed attributes of a person fit the record",
        scopes=frozenset({"kyc-match:match"}),
        body=KycMatchRequest,
        check=_check,
        identifier=phone_identifier,
        answer_type=KycMatchResponse,
        answer=_matches,
    ),
)
