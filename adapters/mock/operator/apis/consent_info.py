"""consent-info 0.1 and 0.2: whether a subscriber permits scopes for a purpose, and where that can be done."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question
from adapters.mock.operator.apis.tenure import phone_identifier
from adapters.mock.operator.network.captures import CAPTURE_PATH, Capture
from adapters.mock.operator.network.consents import ConsentStatus

PREFIX = "CONSENT_INFO."
PURPOSE_PREFIX = "dpv:"
CAPTURABLE = frozenset({"PENDING", "REQUESTED", "EXPIRED"})
"""Reasons that the subscriber can remove by giving consent; a refusal is not asked again."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
Reason = Literal["PENDING", "REQUESTED", "DENIED", "REVOKED", "EXPIRED", "OBJECTED"]


class RetrieveConsentStatus(msgspec.Struct, frozen=True, rename="camel"):
    """May these scopes be used for this purpose?"""

    scopes: Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(min_length=1, max_length=100)]
    purpose: Annotated[str, Meta(pattern=r"^dpv:[a-zA-Z0-9]+$(?!\n)", max_length=100)]
    request_capture_url: bool
    phone_number: PhoneNumber | UnsetType = UNSET
    callback_url: str | UnsetType = UNSET


class StatusInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The status of some of the scopes; the reason where it is not valid."""

    scopes: list[str]
    purpose: str
    status_valid_for_processing: bool
    status_reason: Reason | UnsetType = UNSET
    expiration_date: datetime | UnsetType = UNSET


class ConsentStatusResponse(msgspec.Struct, frozen=True, rename="camel"):
    """One entry for each API, and one URL for all that the subscriber can still permit."""

    status_info: list[StatusInfo]
    capture_url: str | UnsetType = UNSET


def _status(question: Question) -> ConsentStatusResponse:
    body: RetrieveConsentStatus = question.body
    purpose = body.purpose.removeprefix(PURPOSE_PREFIX)
    if purpose not in question.around.purposes or not set(body.scopes) <= question.around.scopes:
        raise CamaraError(403, f"{PREFIX}NOT_ALLOWED_SCOPES_PURPOSE", "these scopes were not agreed for this purpose")
    known = question.dialect.version != "0.1.0"
    if known and isinstance(body.callback_url, str) and not _is_callback(body.callback_url):
        raise CamaraError(403, f"{PREFIX}INVALID_CALLBACK_URL", "the callback URL is not acceptable")
    by_api: dict[str, list[str]] = {}
    for scope in dict.fromkeys(body.scopes):
        by_api.setdefault(scope.partition(":")[0], []).append(scope)
    found = {api: question.line.consent(api) for api in by_api}
    open_apis = [api for api, status in found.items() if status.reason in CAPTURABLE]
    return ConsentStatusResponse(
        [_info(question, scopes, body.purpose, found[api]) for api, scopes in by_api.items()],
        _capture_url(question, open_apis) if body.request_capture_url and open_apis else UNSET,
    )


def _capture_url(question: Question, apis: list[str]) -> str:
    """A link to where the subscriber can permit these APIs, unless it was asked too often."""
    captures, callback = question.around.captures, question.body.callback_url
    if not captures.may_begin(question.phone_number, question.now):
        raise CamaraError(403, f"{PREFIX}CAPTURE_FREQUENCY_EXCEEDED", "the subscriber was asked too often")
    asked = Capture(question.phone_number, tuple(apis), callback if isinstance(callback, str) else None)
    return f"{question.around.issuer}{CAPTURE_PATH}/{captures.begin(asked, question.now)}"


def _info(question: Question, scopes: list[str], purpose: str, status: ConsentStatus) -> StatusInfo:
    return StatusInfo(
        scopes,
        purpose,
        status.valid,
        _reason(question.dialect, status),
        UNSET if status.expires_at is None else question.local(status.expires_at),
    )


def _reason(dialect: Dialect, status: ConsentStatus) -> Reason | UnsetType:
    """0.1.0 has no refusal but one that takes a permission back."""
    if status.reason == "DENIED" and dialect.version == "0.1.0":
        return "REVOKED"
    return status.reason or UNSET


def _is_callback(url: str) -> bool:
    """An https URL, one of this machine, or the scheme of an application (its prose on ``callbackUrl``)."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.scheme and parts.hostname) and not parts.fragment and parts.username is None
    except ValueError:
        return False
    if parts.scheme == "http":
        return usable and parts.hostname in LOOPBACK
    # Defensive: schemes that a browser would run or open on the user's machine are never followed.
    return usable and parts.scheme not in {"javascript", "data", "file", "vbscript"}


CONSENT_INFO = (
    Operation(
        method="POST",
        path="/retrieve",
        name="retrieveStatus",
        summary="Whether a subscriber permits scopes for a purpose",
        scopes=frozenset({"consent-info:retrieve"}),
        body=RetrieveConsentStatus,
        identifier=phone_identifier,
        about_consent=True,
        answer_type=ConsentStatusResponse,
        answer=_status,
    ),
)
