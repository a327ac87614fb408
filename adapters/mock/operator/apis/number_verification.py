"""number-verification 1.0 to 2.1: whether the SIM that got the token is the one of this number. Three-legged only."""

import hashlib
import hmac
import re

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import invalid_argument
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question

HASH = re.compile("[a-fA-F0-9]{64}")


class NumberVerificationRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The claim to be tested: exactly one of the number and its SHA-256 (hex, of the number with its plus).

    Before 2.1.0 no form was demanded of the hash; what is none is simply not the one of this number.
    """

    phone_number: PhoneNumber | UnsetType = UNSET
    hashed_phone_number: str | UnsetType = UNSET


class NumberVerificationMatch(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the claim is true."""

    device_phone_number_verified: bool


class NumberVerificationShare(msgspec.Struct, frozen=True, rename="camel"):
    """The number of the SIM."""

    device_phone_number: PhoneNumber


def _check(dialect: Dialect, body: NumberVerificationRequest) -> None:
    if (body.phone_number is UNSET) == (body.hashed_phone_number is UNSET):
        raise invalid_argument("exactly one of phoneNumber and hashedPhoneNumber is needed")
    if (
        isinstance(body.hashed_phone_number, str)
        and dialect.checks_hash
        and not HASH.fullmatch(body.hashed_phone_number)
    ):
        raise invalid_argument("hashedPhoneNumber is no SHA-256 in hexadecimal")


def _verify(question: Question) -> NumberVerificationMatch:
    body: NumberVerificationRequest = question.body
    if isinstance(body.phone_number, str):
        return NumberVerificationMatch(hmac.compare_digest(body.phone_number, question.phone_number))
    hashed = hashlib.sha256(question.phone_number.encode()).hexdigest()
    return NumberVerificationMatch(hmac.compare_digest(str(body.hashed_phone_number).lower().encode(), hashed.encode()))


def _share(question: Question) -> NumberVerificationShare:
    return NumberVerificationShare(question.phone_number)


NUMBER_VERIFICATION = (
    Operation(
        method="POST",
        path="/verify",
        name="phoneNumberVerify",
        summary="Whether a number is the one of the SIM that the token stands for",
        scopes=frozenset({"number-verification:verify"}),
        body=NumberVerificationRequest,
        check=_check,
        by_sim=True,
        answer_type=NumberVerificationMatch,
        answer=_verify,
    ),
    Operation(
        method="GET",
        path="/device-phone-number",
        name="phoneNumberShare",
        summary="The number of the SIM that the token stands for",
        scopes=frozenset({"number-verification:device-phone-number:read"}),
        by_sim=True,
        answer_type=NumberVerificationShare,
        answer=_share,
    ),
)
