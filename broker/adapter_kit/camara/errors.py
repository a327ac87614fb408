"""CAMARA's error answers as reasons: HTTP status first, then code, then "other" (design guide of Commonalities, 3.1).

An API lists only some of the common codes and may answer with any, so one table serves all of them. It also knows the
words of older releases: what Spring25 calls ``MISSING_IDENTIFIER`` was ``UNIDENTIFIABLE_DEVICE`` in Fall24.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Unavailability

_ERROR = Unavailability.OPERATOR_ERROR
_PERMIT = Unavailability.NOT_PERMITTED
_APPLY = Unavailability.NOT_APPLICABLE
_UNKNOWN = Unavailability.UNKNOWN_SUBSCRIBER
_OFFER = Unavailability.UNSUPPORTED

_BY_STATUS: Mapping[int, Mapping[Unavailability, tuple[str, ...]]] = {
    400: {
        # Which circle or period is asked about is the caller's choice: not answerable, rather than broken.
        # A password that does not fit is the person's matter; the instrument makes a verdict of it.
        _APPLY: (
            "OUT_OF_RANGE",
            "MOST_FREQUENT_LOCATION.POSTAL_CODE_NOT_VALID",
            "ONE_TIME_PASSWORD_SMS.INVALID_OTP",
            "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED",
            "ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED",
        ),
        _ERROR: (
            "INVALID_ARGUMENT",
            "INVALID_PROTOCOL",
            "INVALID_CREDENTIAL",
            "INVALID_TOKEN",
            "INVALID_SINK",
            "KNOW_YOUR_CUSTOMER.INVALID_PARAM_COMBINATION",
            "LOCATION_RETRIEVAL.MAXAGE_INVALID_ARGUMENT",
        ),
    },
    401: {_ERROR: ("UNAUTHENTICATED", "AUTHENTICATION_REQUIRED")},
    403: {
        _PERMIT: (
            "PERMISSION_DENIED",
            "INVALID_TOKEN_CONTEXT",
            "SUBSCRIPTION_MISMATCH",
            "NUMBER_VERIFICATION.INVALID_TOKEN_CONTEXT",
            "CONSENT_INFO.NOT_ALLOWED_SCOPES_PURPOSE",
        ),
        _ERROR: ("CONSENT_INFO.CAPTURE_FREQUENCY_EXCEEDED", "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"),
        _APPLY: (
            "CONSENT_INFO.INVALID_CALLBACK_URL",
            "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_BLOCKED",
            "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED",
            "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK",
            "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED",
            "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH",
        ),
    },
    404: {
        # The last is the label of an example in verified-caller 0.1.0 that stands where the code belongs.
        _UNKNOWN: (
            "IDENTIFIER_NOT_FOUND",
            "DEVICE_NOT_FOUND",
            "SIM_SWAP.UNKNOWN_PHONE_NUMBER",
            "LOCATION_RETRIEVAL.DEVICE_NOT_FOUND",
            "GENERIC_404_IDENTIFIER_NOT_FOUND",
        ),
        _OFFER: ("NOT_FOUND",),
        _APPLY: ("MOST_FREQUENT_LOCATION.INFORMATION_NOT_AVAILABLE",),
    },
    405: {_OFFER: ("METHOD_NOT_ALLOWED",)},
    406: {_ERROR: ("NOT_ACCEPTABLE",)},
    409: {_ERROR: ("ABORTED", "ALREADY_EXISTS", "CONFLICT", "INCOMPATIBLE_STATE")},
    410: {_ERROR: ("GONE",)},
    412: {_ERROR: ("FAILED_PRECONDITION",)},
    415: {_ERROR: ("UNSUPPORTED_MEDIA_TYPE",)},
    422: {
        _APPLY: (
            "SERVICE_NOT_APPLICABLE",
            "NOT_SUPPORTED",
            "DEVICE_NOT_APPLICABLE",
            "UNPROCESSABLE_ENTITY",
            "LOCATION_VERIFICATION.AREA_NOT_COVERED",
            "LOCATION_VERIFICATION.INVALID_AREA",
            "LOCATION_VERIFICATION.UNABLE_TO_FULFILL_MAX_AGE",
            "LOCATION_VERIFICATION.UNABLE_TO_LOCATE",
            "LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_AGE",
            "LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_SURFACE",
            "LOCATION_RETRIEVAL.UNABLE_TO_LOCATE",
            "UNABLE_TO_PROVIDE_ROAMING_STATUS",
            "UNABLE_TO_PROVIDE_REACHABILITY_STATUS",
            "CUSTOMER_INSIGHTS.SCALE_TYPE_NOT_SUPPORTED",
            "CUSTOMER_INSIGHTS.INVALID_IDENTIFIERS",
            "CUSTOMER_INSIGHTS.ID_DOCUMENT_NOT_SUPPORTED",
            "CUSTOMER_INSIGHTS.ID_DOCUMENT_REQUIRED",
        ),
        # Identifier codes mean that we built the request wrongly for this token or this operator.
        _ERROR: (
            "MISSING_IDENTIFIER",
            "UNNECESSARY_IDENTIFIER",
            "UNSUPPORTED_IDENTIFIER",
            "IDENTIFIER_MISMATCH",
            "UNIDENTIFIABLE_DEVICE",
            "UNIDENTIFIABLE_PHONE_NUMBER",
            "UNSUPPORTED_DEVICE_IDENTIFIERS",
            "DEVICE_IDENTIFIERS_MISMATCH",
            "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED",
            "MULTIEVENT_COMBINATION_TEMPORARILY_NOT_SUPPORTED",
            "PRIVATE_KEY_JWT_NOT_CONFIGURED",
            "EVENT_NOTIFICATIONS_NOT_SUPPORTED",
            "UNNECESSARY_UNBIND_IMEI",
            "UNNECESSARY_UNBIND_AREALIMIT",
        ),
    },
    429: {_ERROR: ("TOO_MANY_REQUESTS", "QUOTA_EXCEEDED")},
    500: {_ERROR: ("INTERNAL",)},
    501: {_OFFER: ("NOT_IMPLEMENTED",)},
    502: {_ERROR: ("BAD_GATEWAY",)},
    503: {_ERROR: ("UNAVAILABLE",)},
    504: {_ERROR: ("TIMEOUT",)},
}

ROWS: Mapping[tuple[int, str], Unavailability] = MappingProxyType(
    {
        (status, code): reason
        for status, reasons in _BY_STATUS.items()
        for reason, codes in reasons.items()
        for code in codes
    }
)

CODES: Mapping[str, tuple[int, Unavailability]] = MappingProxyType(
    {code: (status, reason) for (status, code), reason in tuple(ROWS.items())[::-1]}
)
"""Each of CAMARA's codes with the status it belongs to and its reason; operators' own codes are translated to these."""

# What a status means when its body has no code, or one that nobody has written down.
OTHER: Mapping[int, tuple[Unavailability, str]] = MappingProxyType(
    {
        400: (_ERROR, "INVALID_ARGUMENT"),
        401: (_ERROR, "UNAUTHENTICATED"),
        403: (_PERMIT, "PERMISSION_DENIED"),
        404: (_OFFER, "NOT_FOUND"),
        405: (_OFFER, "METHOD_NOT_ALLOWED"),
        422: (_APPLY, "UNPROCESSABLE_ENTITY"),
        429: (_ERROR, "TOO_MANY_REQUESTS"),
        500: (_ERROR, "INTERNAL"),
        501: (_OFFER, "NOT_IMPLEMENTED"),
        502: (_ERROR, "BAD_GATEWAY"),
        503: (_ERROR, "UNAVAILABLE"),
        504: (_ERROR, "TIMEOUT"),
    }
)


class OutOfRange(OperatorFault):
    """400 ``OUT_OF_RANGE``: well-formed, and beyond what this operator allows. Asking for less may help, once."""


class ErrorDialect(msgspec.Struct, frozen=True):
    """How an operator writes errors: where the code is, and which of its own codes mean which of CAMARA's.

    ``gateway`` admits a number as ``code``, ``service_exception`` looks into ``requestError``. CAMARA's own form is
    understood in each of them, for gateways answer beside the API that stands behind them.
    """

    envelope: Literal["camara", "gateway", "service_exception"] = "camara"
    codes: Mapping[str, str] = MappingProxyType({})


class _ErrorInfo(msgspec.Struct):
    code: str


class _GatewayError(msgspec.Struct):
    code: int | str


class _ServiceException(msgspec.Struct):
    message_id: str = msgspec.field(name="messageId")


class _RequestError(msgspec.Struct):
    exception: _ServiceException = msgspec.field(name="serviceException")


class _Wrapped(msgspec.Struct):
    error: _RequestError = msgspec.field(name="requestError")


_ERROR_INFO, _GATEWAY, _WRAPPED = Reader(_ErrorInfo), Reader(_GatewayError), Reader(_Wrapped)
_CAMARA = ErrorDialect()


def fault_of(
    status: int,
    body: bytes,
    not_found: Unavailability = Unavailability.UNSUPPORTED,
    dialect: ErrorDialect = _CAMARA,
) -> OperatorFault:
    """The fault for an answer that is not the documented success.

    ``not_found`` is what 404 ``NOT_FOUND`` means in this version: releases before Spring25 had no other word for a
    number that is not the operator's. A 404 without CAMARA's body is a path that is not there, in every version.
    """
    code = _code_in(body, dialect)
    if code is not None and code in dialect.codes:
        # The operator's own word is more exact than its status: one sends 403 for a quota that is used up.
        code = dialect.codes[code]
        status = CODES[code][0]
    if (status, code) == (400, "OUT_OF_RANGE"):
        return OutOfRange(ROWS[400, "OUT_OF_RANGE"], "OUT_OF_RANGE", status=status)
    if (status, code) == (404, "NOT_FOUND"):
        return OperatorFault(not_found, "NOT_FOUND", status=status)
    if code is not None and (status, code) in ROWS:
        return OperatorFault(ROWS[status, code], code, status=status)
    reason, other = OTHER.get(status) or _by_class(status)
    return OperatorFault(reason, other, status=status)


def _by_class(status: int) -> tuple[Unavailability, str]:
    if status >= 500:  # noqa: PLR2004 - the class of a status is its first digit
        return _ERROR, KitCode.HTTP_SERVER_ERROR
    if status >= 400:  # noqa: PLR2004
        return _ERROR, KitCode.HTTP_CLIENT_ERROR
    return Unavailability.MALFORMED, KitCode.UNEXPECTED_STATUS


def _code_in(body: bytes, dialect: ErrorDialect) -> str | None:
    try:
        if dialect.envelope == "gateway":
            return str(_GATEWAY.read(body).code)
        return _ERROR_INFO.read(body).code
    except OperatorFault:
        return _wrapped_code(body) if dialect.envelope == "service_exception" else None


def _wrapped_code(body: bytes) -> str | None:
    try:
        return _WRAPPED.read(body).error.exception.message_id
    except OperatorFault:
        return None
