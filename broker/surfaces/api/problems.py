"""Errors as RFC 9457 problem documents: the one place where an error class becomes an HTTP status."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from broker.domain.allowance import Allowance
from broker.errors import (
    AccessRequestRefused,
    BrokerError,
    Conflict,
    DisclosureRefused,
    Erased,
    IdempotencyMismatch,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    QuotaExceeded,
    ReceiptRefused,
    TooManyRequests,
    Unrecorded,
    origin,
)
from broker.surfaces.credential import challenge

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[BrokerError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    AccessRequestRefused: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotPermitted: HTTPStatus.FORBIDDEN,
    DisclosureRefused: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Erased: HTTPStatus.GONE,
    Conflict: HTTPStatus.CONFLICT,
    ReceiptRefused: HTTPStatus.CONFLICT,
    IdempotencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    Unrecorded: HTTPStatus.SERVICE_UNAVAILABLE,
}
_log = logging.getLogger(__name__)


class FaultOut(msgspec.Struct, frozen=True):
    """One thing wrong with the request: a JSON pointer into it, and what to send instead."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457: ``code`` is stable and for programs, ``detail`` is for people."""

    title: str
    status: int
    code: str
    detail: str
    type: str = "about:blank"
    errors: tuple[FaultOut, ...] = ()


FAILED = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    BrokerError.code,
    "the broker failed; nothing was decided",
)


def on_broker_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """An error of ours, with the status of its class and nothing of its cause."""
    if not isinstance(error, BrokerError) or type(error) not in STATUS:
        return on_anything_else(request, error)
    return respond(problem_of(error), headers(error, request))


def problem_of(error: BrokerError) -> Problem:
    """The document of an error of ours; one without a status of its own says nothing but that we failed."""
    status = STATUS.get(type(error))
    if status is None:
        return FAILED
    faults = tuple(FaultOut(*fault) for fault in error.faults) if isinstance(error, InvalidRequest) else ()
    return Problem(status.phrase, status, error.code, str(error), errors=faults)


def on_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses by itself: unknown paths, methods, bodies over the limit."""
    status = HTTPStatus(error.status_code)
    return respond(Problem(status.phrase, status, status.name, status.description or status.phrase), error.headers)


def on_anything_else(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A mistake of ours. The caller learns that there was one; the log learns where, without the error's own words."""
    # Not the path: it is the caller's, and may hold anything.
    _log.error(
        "%(handler)s: %(error)s at %(place)s",
        {"handler": str(request.scope.get("route_handler")), "error": type(error).__name__, "place": origin(error)},
    )
    return respond(FAILED, None)


def respond(problem: Problem, headers: dict[str, str] | None) -> Response[bytes]:
    """The document as a response."""
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers or {}
    )


def headers(error: BrokerError, request: Request[Any, Any, Any]) -> dict[str, str]:
    """What goes beside the status of an error: how to authenticate, or when to come back."""
    if isinstance(error, NotAuthenticated):
        return challenge(error, request.app.state.services.public_url, request.scope["path"])
    if isinstance(error, NotPermitted) and error.scope is not None:  # RFC 6750 3.1
        return {"WWW-Authenticate": f'Bearer realm="trust-broker", error="insufficient_scope", scope="{error.scope}"'}
    if isinstance(error, QuotaExceeded):
        used = Allowance(error.quota, error.limit, 0, error.window_s, error.retry_after_s)
        return {"Retry-After": str(error.retry_after_s), **rate_limits([used])}
    retry_after_s = getattr(error, "retry_after_s", None)
    return {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}


def rate_limits(allowances: Sequence[Allowance]) -> dict[str, str]:
    """What is left of quotas, as ``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers)."""
    if not allowances:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{one.name}";q={one.limit};w={one.window_s}' for one in allowances),
        "RateLimit": ", ".join(f'"{one.name}";r={one.left};t={one.reset_s}' for one in allowances),
    }
