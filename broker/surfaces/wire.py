"""The request of a trust check on the wire, for every surface that carries JSON: one reading, one set of refusals."""

import hashlib
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from broker import strict_json
from broker.audit.jcs import SAFE_INTEGER_MAX
from broker.domain.check import Action, Amount, CheckRequest, Circle, Claims, Principal, Subject
from broker.domain.outcome import TurnedOut
from broker.domain.phone import PhoneNumber
from broker.errors import Fault, InvalidRequest

BODY_BYTES_MAX = 64 * 1024
_LATITUDE_MAX, _LONGITUDE_MAX = 90, 180
_EARTH_RADIUS_M = 6_371_000
_DAY_S = 86_400

# `$` alone would let a trailing newline pass; `\Z` would close that, and is no regular expression to JSON Schema.
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$(?!\n)")]
_Text = Annotated[str, msgspec.Meta(max_length=256)]
_Token = Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=r"^[\x21-\x7e]+$(?!\n)")]
_Decimal = Annotated[str, msgspec.Meta(max_length=24, pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$(?!\n)")]
_Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
# Not every verifier of a receipt would write fractions and larger numbers alike (RFC 8785 section 3.2.2.3).
_Whole = Annotated[int, msgspec.Meta(ge=-SAFE_INTEGER_MAX, le=SAFE_INTEGER_MAX)]
_Attribute = _Text | bool | _Whole


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Members in lowerCamelCase; unknown ones are refused, for a misspelt limit must not be ignored."""

    def __repr__(self) -> str:  # whatever a caller sent stays out of logs and traces
        return f"{type(self).__name__}(…)"


class ClaimsIn(_Part, frozen=True):
    """What the person says about themself, for operators to confirm; read and not stored."""

    name: _Text | None = None
    given_name: _Text | None = None
    middle_names: _Text | None = None
    family_name: _Text | None = None
    birthdate: date | None = None
    email: _Text | None = None
    address: _Text | None = None
    postal_code: _Text | None = None
    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$(?!\n)")] | None = None
    id_document: _Text | None = None


class LocationIn(_Part, frozen=True):
    """A circle: degrees (WGS 84) and metres."""

    latitude: Annotated[float, msgspec.Meta(ge=-_LATITUDE_MAX, le=_LATITUDE_MAX)]
    longitude: Annotated[float, msgspec.Meta(ge=-_LONGITUDE_MAX, le=_LONGITUDE_MAX)]
    radius_m: Annotated[float, msgspec.Meta(gt=0, le=_EARTH_RADIUS_M)]


class SubjectIn(_Part, frozen=True):
    """Whom the check is about: an E.164 number with ``+``, and what is known to compare with."""

    phone_number: Annotated[str, msgspec.Meta(max_length=64, examples=["+34600000101"])]
    claims: ClaimsIn | None = None
    location: LocationIn | None = None
    bound_since: date | None = None
    operator_token: _Token | None = None


class AmountIn(_Part, frozen=True):
    """Money: a decimal in a string, so that nothing is rounded, and an ISO 4217 code."""

    value: Annotated[_Decimal, msgspec.Meta(examples=["950.00"])]
    currency: Annotated[_Currency, msgspec.Meta(examples=["EUR"])]


class ActionIn(_Part, frozen=True):
    """What the agent wants to do; how sensitive that is, the policy says."""

    type: Annotated[_Name, msgspec.Meta(examples=["payment.transfer"])]
    amount: AmountIn | None = None
    resource: _Text | None = None
    attributes: Annotated[dict[_Name, _Attribute], msgspec.Meta(max_length=20)] = {}


class ContextIn(_Part, frozen=True):
    """Where the action comes from."""

    channel: _Name | None = None
    conversation_id: _Name | None = None


class CheckIn(_Part, frozen=True):
    """A trust check: may this agent do this, for this number, now?"""

    subject: SubjectIn
    action: ActionIn
    purpose: Annotated[str, msgspec.Meta(max_length=64, examples=["FraudPreventionAndDetection"])]
    context: ContextIn = ContextIn()
    deadline_ms: int | None = None
    max_evidence_age_s: Annotated[int, msgspec.Meta(ge=0, le=_DAY_S)] | None = None


class OutcomeIn(_Part, frozen=True):
    """What a check turned out to be; ``found_at`` is when it was found out, now where it is left out."""

    outcome: TurnedOut
    found_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def members_of(body: bytes) -> Any:
    """The members of a JSON body, each once.

    Raises:
        InvalidRequest: the body is no JSON that everybody reads alike.
    """
    try:
        return strict_json.loads(body)
    except strict_json.NotStrict as error:
        raise InvalidRequest("the body cannot be read", [Fault("", f"{error}; send one JSON object")]) from error


def to_request(members: Any, *, deadline_min_ms: int, deadline_cap_ms: int) -> CheckRequest:
    """Decoded members as a question.

    Raises:
        InvalidRequest: with one JSON pointer for each fault.
    """
    sent = convert(members, CheckIn)
    faults: list[Fault] = []
    phone = _phone(sent.subject.phone_number, faults)
    if sent.deadline_ms is not None and not deadline_min_ms <= sent.deadline_ms <= deadline_cap_ms:
        faults.append(
            Fault("/deadlineMs", f"send {deadline_min_ms} to {deadline_cap_ms} milliseconds, or leave it out")
        )
    if phone is None or faults:
        raise InvalidRequest("the request cannot be understood", faults)
    return CheckRequest(
        subject=_subject(sent.subject, phone),
        action=action_of(sent.action),
        purpose=sent.purpose,
        channel=sent.context.channel,
        conversation_id=sent.context.conversation_id,
        deadline_ms=sent.deadline_ms,
        max_evidence_age_s=sent.max_evidence_age_s,
    )


def to_phone(text: str, pointer: str = "/phoneNumber") -> PhoneNumber:
    """A number that somebody sent.

    Raises:
        InvalidRequest: it is not E.164.
    """
    faults: list[Fault] = []
    phone = _phone(text, faults, pointer)
    if phone is None:
        raise InvalidRequest("the request cannot be understood", faults)
    return phone


def to_action(members: Any) -> Action:
    """The ``action`` member of a question alone, as a verifier of a receipt has it.

    Raises:
        InvalidRequest: with a JSON pointer into it.
    """
    return action_of(convert(members, ActionIn))


def fingerprint(members: Any, principal: Principal) -> bytes:
    """SHA-256 of a request and its caller in one form, whatever order its members came in.

    Defensive: consumer, agent, scopes and for whom it acts are part of it. A stored answer was minimised for one
    caller; under the same idempotency key another one of the tenant would otherwise be shown what it may not see.
    """
    caller = (principal.consumer, principal.agent, sorted(principal.scopes), principal.delegation)
    return hashlib.sha256(msgspec.json.encode((members, caller), order="sorted")).digest()


_T = TypeVar("_T")


def convert(members: Any, kind: type[_T]) -> _T:
    """Members as a struct, strictly: no number from a string, nothing unknown."""
    try:
        return msgspec.convert(members, kind, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidRequest("the request cannot be understood", [_fault(str(error))]) from error


def _phone(text: str, faults: list[Fault], pointer: str = "/subject/phoneNumber") -> PhoneNumber | None:
    try:
        return PhoneNumber.parse(text)
    except ValueError as error:
        faults.append(Fault(pointer, str(error)))
        return None


def _subject(sent: SubjectIn, phone: PhoneNumber) -> Subject:
    place = sent.location
    circle = Circle(place.latitude, place.longitude, place.radius_m) if place else None
    claims = Claims(**msgspec.structs.asdict(sent.claims)) if sent.claims else None
    return Subject(phone, circle, sent.bound_since, sent.operator_token, claims)


def action_of(sent: ActionIn) -> Action:
    """The action that was sent."""
    amount = Amount(Decimal(sent.amount.value), sent.amount.currency) if sent.amount else None
    return Action(sent.type, amount, sent.resource, dict(sent.attributes))


_ATTRIBUTE = "/action/attributes/*"
_PATH = re.compile(r" - at (?:`key` in )?`\$?(?P<path>[^`]*)`\Z")
_HINTS = {
    "/action/amount/value": 'send a decimal in a string, e.g. "950.00"; not negative, at most four decimals',
    "/action/amount/currency": 'send an ISO 4217 code, e.g. "EUR"',
    "/subject/claims/country": 'send an ISO 3166-1 alpha-2 code, e.g. "ES"',
    _ATTRIBUTE: "send a text, a boolean, or a whole number up to 2^53 - 1; decimals go in a text",
    "/action/type": "send letters, digits and _ . : - only, e.g. payment.transfer",
}
_MEMBER = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")


def _fault(message: str) -> Fault:
    """The sentence of msgspec as a pointer (RFC 6901) and a text; ``$.a.b`` becomes ``/a/b``."""
    found = _PATH.search(message)
    text = message[: found.start()] if found else message
    pointer = re.sub(
        r"\.|\[(\d+|\.\.\.)\]", lambda part: f"/{part[1]}" if part[1] else "/", found["path"] if found else ""
    )
    member = _MEMBER.search(text)
    if member:
        pointer += "/" + member["name"].replace("~", "~0").replace("/", "~1")
    pointer = pointer.replace("/...", "/*")
    if "regex" in text:
        text = _HINTS.get(pointer, "send letters, digits and _ . : - only")
    elif pointer == _ATTRIBUTE:
        text = _HINTS[pointer]
    elif text.startswith("Invalid enum value"):
        # Defensive: msgspec repeats the value, and a number in the wrong place would come back in an error.
        text = "send one of the values that the contract names here"
    return Fault(pointer, text)
