"""``/v1/trust-checks``."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.record import Check
from broker.errors import Fault, InvalidRequest
from broker.surfaces import wire
from broker.surfaces.api import contract, correlator, problems
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services
from broker.usecases.policy.reason_codes import ReasonCodeView, reason_codes
from broker.usecases.ports import Asked, IdempotencyKey
from broker.usecases.view import view

ENDPOINT = "POST /v1/trust-checks"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
WAIT_MS_MAX = 25_000
"""Below what gateways usually cut off."""
_KEY_LENGTH_MAX = 255
_REPLAYED = "Idempotency-Replayed"


class UnsupportedMediaType(ClientException):
    """The body must be JSON."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@post(
    "/v1/trust-checks",
    operation_class=contract.CheckOperation,
    operation_id="createTrustCheck",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=["Trust checks"],
    summary="May this agent do this, for this number, now?",
    responses={
        200: contract.check_response("Decided and recorded, also when it says no"),
        **contract.problem_responses(400, 401, 403, 409, 413, 415, 422, 429, 503),
    },
    response_headers=[
        ResponseHeader(name=_REPLAYED, description="true when the answer was decided earlier", documentation_only=True)
    ],
)
async def create_check(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer one trust check. An operator's trouble is an unavailable signal in a 200, never an error of ours."""
    # The hot route reads headers, body and services by hand: injection would cost as much as reading the question.
    services: Services = request.app.state.services
    received_s = services.clock.monotonic_s()
    principal = await services.authenticate(credential(request.scope))
    correlator.require_valid(request.headers.get(correlator.HEADER))
    if request.content_type[0] != JSON:
        raise UnsupportedMediaType
    members = wire.members_of(await request.body())
    question = wire.to_request(
        members, deadline_min_ms=services.deadline_min_ms, deadline_cap_ms=services.deadline_cap_ms
    )
    key = idempotency_key(request.headers.get("idempotency-key"), members, principal)

    def render(check: Check) -> bytes:
        return msgspec.json.encode(view(check, principal, request.headers.get("accept-language")))

    answered = await services.run_check(Asked(principal, question, received_s, render, key))
    headers = {_REPLAYED: "true"} if answered.replayed else {}
    headers |= problems.rate_limits(answered.allowances)
    return Response(answered.body, media_type=JSON, headers=headers)


@get(
    "/v1/trust-checks/{check_id:str}",
    operation_class=contract.AnswerOperation,
    operation_id="readTrustCheck",
    security=contract.needs(authorize.CHECK),
    tags=["Trust checks"],
    summary="The check as it stands",
    responses={
        200: contract.check_response("The check"),
        **contract.problem_responses(400, 401, 403, 404, 410, 429, 503),
    },
)
async def read_check(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    check_id: FromPath[str],
    wait_ms: Annotated[int, QueryParameter(name="waitMs", ge=0, le=WAIT_MS_MAX)] = 0,
) -> Response[bytes]:
    """Give a check of the caller's tenant again; another tenant's is not found. ``waitMs`` waits for a pending one."""
    principal = await services.authenticate(credential(request.scope))
    language = request.headers.get("accept-language")
    shown = await services.await_check(principal, check_id, language, wait_ms / 1000)
    return Response(msgspec.json.encode(shown), media_type=JSON)


@get(
    "/v1/trust-checks/{check_id:str}/events",
    operation_id="followTrustCheck",
    security=contract.needs(authorize.CHECK),
    tags=["Trust checks"],
    summary="The check each time that it changes",
    responses={
        200: ResponseSpec(
            bytes, description="Server-sent events `check`", generate_examples=False, media_type=EVENT_STREAM
        ),
        **contract.problem_responses(400, 401, 403, 404, 429, 503),
    },
)
async def follow_check(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> ServerSentEvent:
    """As it is now and each time that it changes, until nothing is pending. The id of an event is the revision."""
    principal = await services.authenticate(credential(request.scope))
    language = request.headers.get("accept-language")
    await services.show_check(principal, check_id, language)  # what is wrong with the request is told before the stream
    services.await_check.require_room(principal)

    async def told() -> AsyncIterator[ServerSentEventMessage]:
        async for shown in services.await_check.changes(principal, check_id, language):
            if shown is None:
                yield ServerSentEventMessage(comment="waiting", data=None)
            else:
                yield ServerSentEventMessage(msgspec.json.encode(shown), event="check", id=shown.revision)

    return ServerSentEvent(told())


@get(
    "/v1/reason-codes",
    operation_id="listReasonCodes",
    tags=["Trust checks"],
    summary="What the reason codes mean",
    responses=contract.problem_responses(401, 503),
)
async def list_reason_codes(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> tuple[ReasonCodeView, ...]:
    """The codes that this caller can meet, each with a sentence in English and Spanish; the list is closed."""
    return reason_codes(await services.authenticate(credential(request.scope)))


def idempotency_key(sent: str | None, members: Any, principal: Principal) -> IdempotencyKey | None:
    """The key that came with a check, bound to what was asked; ``None`` where none came.

    Raises:
        InvalidRequest: it is none that can be kept.
    """
    if sent is None:
        return None
    if not 0 < len(sent) <= _KEY_LENGTH_MAX or not sent.isascii() or not sent.isprintable():
        raise InvalidRequest("the idempotency key is malformed", [Fault("", "send 1 to 255 printable characters")])
    return IdempotencyKey(ENDPOINT, sent, wire.fingerprint(members, principal))


ROUTES = (create_check, read_check, follow_check, list_reason_codes)
