"""Errors as CAMARA has them: ``{"status", "code", "message"}`` (Commonalities, API design guide, section 3.1)."""

from http import HTTPStatus

import msgspec

from broker.domain.signal import Unavailability, Unavailable
from broker.errors import (
    BrokerError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    QuotaExceeded,
    TooManyRequests,
    Unrecorded,
)
from broker.usecases.consumers.billing import BUDGET

_MESSAGE_MAX = 512


class ErrorInfo(msgspec.Struct, frozen=True):
    """The error form of CAMARA."""

    status: int
    code: str
    message: str


class CamaraError(Exception):
    """An answer in CAMARA's error form. ``retry_after_s`` becomes ``Retry-After``."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.info = ErrorInfo(status, code, message[:_MESSAGE_MAX])
        self.retry_after_s = retry_after_s


def missing_identifier() -> CamaraError:
    """Nobody is named in the body, and our tokens name nobody either."""
    return CamaraError(422, "MISSING_IDENTIFIER", "send the phoneNumber: tokens of this broker name nobody")


def not_found() -> CamaraError:
    """No such API here, or not at this version. The path may hold anything of the caller's, so it is not repeated."""
    return CamaraError(404, "NOT_FOUND", "there is no such API here, or not at this version; see the README's table")


_UNAVAILABLE: dict[Unavailability, tuple[int, str, str]] = {
    Unavailability.UNSUPPORTED: (422, "SERVICE_NOT_APPLICABLE", "the network of this number does not offer this"),
    Unavailability.NOT_APPLICABLE: (422, "SERVICE_NOT_APPLICABLE", "the network cannot answer this for this number"),
    Unavailability.NOT_PERMITTED: (403, "PERMISSION_DENIED", "the network does not permit this for this number"),
    Unavailability.UNKNOWN_SUBSCRIBER: (404, "IDENTIFIER_NOT_FOUND", "no network within reach knows this number"),
    Unavailability.TIMEOUT: (504, "TIMEOUT", "the network did not answer in time"),
    Unavailability.LATE: (504, "TIMEOUT", "the network did not answer in time"),
    Unavailability.OPERATOR_ERROR: (503, "UNAVAILABLE", "the network gave no answer"),
    Unavailability.BREAKER_OPEN: (503, "UNAVAILABLE", "the network is left alone for a while, for it is in trouble"),
    Unavailability.MALFORMED: (502, "BAD_GATEWAY", "the network gave an answer that cannot be believed"),
    Unavailability.SKIPPED: (503, "UNAVAILABLE", "too little time was left to ask"),
}


def of_signal(signal: Unavailable) -> CamaraError:
    """Why there is no answer. None of these can be read as a good one."""
    if signal.code == BUDGET:
        return CamaraError(429, "QUOTA_EXCEEDED", "the month's budget for operators' charges is spent")
    if signal.code in {"TOO_MANY_REQUESTS", "QUOTA_EXCEEDED"}:
        return CamaraError(
            429, "TOO_MANY_REQUESTS", "the network asks to be left alone", retry_after_s=signal.retry_after_s
        )
    status, code, message = _UNAVAILABLE[signal.reason]
    return CamaraError(status, code, message, retry_after_s=signal.retry_after_s)


_OURS: dict[type[BrokerError], tuple[int, str]] = {
    InvalidRequest: (400, "INVALID_ARGUMENT"),
    NotAuthenticated: (401, "UNAUTHENTICATED"),
    NotPermitted: (403, "PERMISSION_DENIED"),
    NotFound: (404, "NOT_FOUND"),
    TooManyRequests: (429, "TOO_MANY_REQUESTS"),
    QuotaExceeded: (429, "QUOTA_EXCEEDED"),
    Overloaded: (503, "UNAVAILABLE"),
    Unrecorded: (503, "UNAVAILABLE"),
}
_BY_STATUS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "INVALID_ARGUMENT", 415: "UNSUPPORTED_MEDIA_TYPE"}


def of_broker(error: BrokerError) -> CamaraError:
    """An error of ours in CAMARA's words."""
    status, code = _OURS.get(type(error), (500, "INTERNAL"))
    message = "the broker failed" if code == "INTERNAL" else _sentence(error)
    return CamaraError(status, code, message, retry_after_s=getattr(error, "retry_after_s", None))


def of_status(status: int) -> CamaraError:
    """What the web framework refuses by itself."""
    known = HTTPStatus(status)
    return CamaraError(status, _BY_STATUS.get(status, "INVALID_ARGUMENT"), known.description or known.phrase)


def _sentence(error: BrokerError) -> str:
    faults = error.faults if isinstance(error, InvalidRequest) else ()
    return "; ".join([str(error), *(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults)])
