"""number-recycling and kyc-tenure: since when a number has its holder, and since when it has its contract here."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.errors import out_of_range
from adapters.mock.operator.apis.operation import Identifier, Operation, PhoneNumber, Question
from adapters.mock.operator.network.events import Contract


class CheckNumberRecycling(msgspec.Struct, frozen=True, rename="camel"):
    """Has the number got another holder since ``specifiedDate``?"""

    specified_date: date
    phone_number: PhoneNumber | UnsetType = UNSET


class NumberRecyclingInfo(msgspec.Struct, frozen=True, rename="camel"):
    """True also where the number had no holder on that date."""

    phone_number_recycled: bool


class CheckTenure(msgspec.Struct, frozen=True, rename="camel"):
    """Does the contract exist without interruption since ``tenureDate``?"""

    tenure_date: date
    phone_number: PhoneNumber | UnsetType = UNSET


class TenureInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``contractType``: prepaid, monthly or business; absent where the operator does not tell."""

    tenure_date_check: bool
    contract_type: Literal["PAYG", "PAYM", "Business"] | UnsetType = UNSET


def phone_identifier(body: Any) -> Identifier | None:
    """The number of a body, if it names one."""
    return None if body.phone_number is UNSET else Identifier(body.phone_number)


def _held_on(question: Question, since: datetime | None, day: date) -> bool:
    """Whether what began at ``since`` was so on a calendar day of the operator's own zone."""
    if day > question.local(question.now).date():
        raise out_of_range("the date lies in the future")
    return since is not None and question.local(since).date() <= day


def _recycled(question: Question) -> NumberRecyclingInfo:
    return NumberRecyclingInfo(not _held_on(question, question.line.owner_since, question.body.specified_date))


def _tenure(question: Question) -> TenureInfo:
    held = _held_on(question, question.line.tenure_since, question.body.tenure_date)
    return TenureInfo(held, question.line.state(Contract).kind or UNSET)


NUMBER_RECYCLING = (
    Operation(
        method="POST",
        path="/check",
        name="checkNumberRecycling",
        summary="Whether the number has had another holder since a date",
        scopes=frozenset({"number-recycling:check"}),
        body=CheckNumberRecycling,
        identifier=phone_identifier,
        answer_type=NumberRecyclingInfo,
        answer=_recycled,
    ),
)
KYC_TENURE = (
    Operation(
        method="POST",
        path="/check-tenure",
        name="checkTenure",
        summary="Whether the contract has lasted since a date",
        scopes=frozenset({"kyc-tenure:check-tenure"}),
        body=CheckTenure,
        identifier=phone_identifier,
        answer_type=TenureInfo,
        answer=_tenure,
    ),
)
