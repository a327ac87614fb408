"""kyc-age-verification 0.1 and 0.2: whether the holder of the contract is at least so many years old."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.claims import Email, Match, check_lengths, likeness_percent, match
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import out_of_range
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question
from adapters.mock.operator.apis.tenure import phone_identifier
from adapters.mock.operator.network.events import Identity, Locks
from adapters.mock.operator.network.person import Person, age_years

AGE_THRESHOLD_MAX = 120
CLAIMS = (
    "id_document",
    "name",
    "given_name",
    "family_name",
    "middle_names",
    "family_name_at_birth",
    "birthdate",
    "email",
)


class VerifyAge(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The age in years, what is claimed about the person, and whether the locks of the line are asked for."""

    age_threshold: int
    phone_number: PhoneNumber | UnsetType = UNSET
    id_document: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    given_name: str | UnsetType = UNSET
    family_name: str | UnsetType = UNSET
    middle_names: str | UnsetType = UNSET
    family_name_at_birth: str | UnsetType = UNSET
    birthdate: date | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    include_content_lock: bool = False
    include_parental_control: bool = False


class VerifyAgeResponse(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Strings, not booleans, but for ``verifiedStatus``: whether an official document proved the age."""

    age_check: Match
    verified_status: bool | UnsetType = UNSET
    identity_match_score: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    content_lock: Match | UnsetType = UNSET
    parental_control: Match | UnsetType = UNSET


def _check(dialect: Dialect, body: VerifyAge) -> None:
    check_lengths(dialect, body)
    if not 0 <= body.age_threshold <= AGE_THRESHOLD_MAX:
        raise out_of_range(f"ageThreshold must be from 0 to {AGE_THRESHOLD_MAX}")


def _verify(question: Question) -> VerifyAgeResponse:
    body: VerifyAge = question.body
    record, locks = question.line.state(Identity), question.line.state(Locks)
    born = record.person.birthdate
    if born is None:
        check: Match = "not_available"
    else:
        old_enough = age_years(born, question.local(question.now).date()) >= body.age_threshold
        check = _word(known=old_enough)
    return VerifyAgeResponse(
        age_check=check,
        verified_status=UNSET if born is None else record.verified,
        identity_match_score=_likeness(body, record.person),
        content_lock=_word(known=locks.content) if body.include_content_lock else UNSET,
        parental_control=_word(known=locks.parental) if body.include_parental_control else UNSET,
    )


def _word(*, known: bool | None) -> Match:
    if known is None:
        return "not_available"
    return "true" if known else "false"


def _likeness(body: VerifyAge, person: Person) -> int | UnsetType:
    """The mean over the claims that can be compared; absent where none can."""
    pairs = [(getattr(body, name), getattr(person, name)) for name in CLAIMS]
    known = [(claimed, on_record) for claimed, on_record in pairs if claimed is not UNSET and on_record is not None]
    if not known:
        return UNSET
    scores = [100 if match(*pair) == "true" else likeness_percent(*pair) for pair in known]
    return round(sum(scores) / len(scores))


KYC_AGE_VERIFICATION = (
    Operation(
        method="POST",
        path="/verify",
        name="verifyAge",
        summary="Whether the holder of the contract has reached an age",
        scopes=frozenset({"kyc-age-verification:verify"}),
        body=VerifyAge,
        check=_check,
        identifier=phone_identifier,
        answer_type=VerifyAgeResponse,
        answer=_verify,
    ),
)
