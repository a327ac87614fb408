"""``/v1/trust-checks``."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath

from broker.domain.check import Principal
from broker.domain.record import Check
from broker.errors import Fault, InvalidRequest
from broker.surfaces import wire
from broker.surfaces.api import contract, correlator
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services
from broker.usecases.ports import Asked, IdempotencyKey
from broker.usecases.view import CheckView, view

ENDPOINT = "POST /v1/trust-checks"
JSON = "application/json"
_KEY_LENGTH_MAX = 255
_REPLAYED = "Idempotency-Replayed"


class UnsupportedMediaType(ClientException):
    """The body must be JSON."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@post(
    "/v1/trust-checks",
    operation_class=contract.CheckOperation,
    operation_id="createTrustCheck",
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
    key = _key(request.headers.get("idempotency-key"), members, principal)

    def render(check: Check) -> bytes:
        return msgspec.json.encode(view(check, principal, request.headers.get("accept-language")))

    answered = await services.run_check(Asked(principal, question, received_s, render, key))
    headers = {_REPLAYED: "true"} if answered.replayed else {}
    return Response(answered.body, media_type=JSON, headers=headers)


@get(
    "/v1/trust-checks/{check_id:str}",
    operation_class=contract.AnswerOperation,
    operation_id="readTrustCheck",
    tags=["Trust checks"],
    summary="The check as it stands",
    responses={200: contract.check_response("The check"), **contract.problem_responses(400, 401, 403, 404, 410, 503)},
)
async def read_check(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> Response[bytes]:
    """Give a check of the caller's tenant again; another tenant's is not found."""
    principal = await services.authenticate(credential(request.scope))
    language = request.headers.get("accept-language")
    shown: CheckView = await services.show_check(principal, check_id, language)
    return Response(msgspec.json.encode(shown), media_type=JSON)


def _key(sent: str | None, members: Any, principal: Principal) -> IdempotencyKey | None:
    if sent is None:
        return None
    if not 0 < len(sent) <= _KEY_LENGTH_MAX or not sent.isascii() or not sent.isprintable():
        raise InvalidRequest(
            "the header Idempotency-Key is malformed", [Fault("", "send 1 to 255 printable characters")]
        )
    return IdempotencyKey(ENDPOINT, sent, wire.fingerprint(members, principal))
