"""``/access/v1/…`` and ``/.well-known/authzen-configuration``: the broker as an AuthZEN policy decision point."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from broker.consumers import authorize
from broker.domain.allowance import Allowance
from broker.domain.check import Principal
from broker.errors import AccessRequestRefused, BrokerError, Fault, InvalidRequest, origin
from broker.surfaces import authzen, wire
from broker.surfaces.api import contract, problems
from broker.surfaces.api.checks import JSON
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services
from broker.usecases.ports import Asked
from broker.usecases.reviews.request_access import AccessTask, RequestFault, Unusable

REQUEST_ID = "x-request-id"
_REQUEST_ID_LENGTH_MAX = 256
_AT_ONCE = 4
_POLL_S = 5
_ENDS_WITH = {"deny_on_first_deny": False, "permit_on_first_permit": True}
_log = logging.getLogger(__name__)


def _on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """An error as the specification has it: its status, and a sentence instead of a document."""
    if isinstance(error, BrokerError) and type(error) in problems.STATUS:
        status, text = problems.STATUS[type(error)], authzen.sentence(error)
        headers = problems.headers(error, request)
    elif isinstance(error, HTTPException):
        status, text, headers = HTTPStatus(error.status_code), error.detail, dict(error.headers or {})
    else:
        _log.error(
            "%(handler)s: %(error)s at %(place)s",
            {"handler": str(request.scope.get("route_handler")), "error": type(error).__name__, "place": origin(error)},
        )
        status, text, headers = HTTPStatus.INTERNAL_SERVER_ERROR, "the broker failed; nothing was decided", {}
    return Response(text, status_code=status, media_type=MediaType.TEXT, headers=headers | _request_id(request))


_ERRORS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    BrokerError: _on_error,
    HTTPException: _on_error,
    Exception: _on_error,
}
_REFUSED = {
    RequestFault.NOT_REQUESTABLE: HTTPStatus.BAD_REQUEST,
    RequestFault.INVALID_DENIAL_BINDING: HTTPStatus.BAD_REQUEST,
    RequestFault.EXPIRED_DENIAL: HTTPStatus.GONE,
    RequestFault.UNKNOWN_TASK: HTTPStatus.NOT_FOUND,
    RequestFault.INVALID_TASK_STATE: HTTPStatus.CONFLICT,
}


def _on_refused(_request: Request[Any, Any, Any], error: AccessRequestRefused) -> Response[bytes]:
    """A problem document of the profile's own types."""
    status = _REFUSED[RequestFault(error.code)]
    kind = f"urn:openid:authzen:access-request:error:{error.code}"
    return problems.respond(problems.Problem(status.phrase, status, error.code.upper(), str(error), kind), None)


_REQUEST_ERRORS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    AccessRequestRefused: _on_refused
}
_REFUSALS = {
    status: ResponseSpec(str, description=text, generate_examples=False, media_type=MediaType.TEXT)
    for status, text in {
        400: "Not an evaluation; the text says where and what to send",
        401: "No credential, or a bad one",
        403: "The credential does not allow this",
        413: "The body is over 64 kB",
        429: "This agent asks too much at once; Retry-After says when to come back",
        503: "No durable record could be written, or too much is under way; nothing was decided",
    }.items()
}


@get(
    authzen.METADATA,
    operation_id="authzenConfiguration",
    security=[{}],
    tags=["AuthZEN"],
    summary="What this policy decision point offers (AuthZEN 1.0)",
)
async def configuration(services: NamedDependency[Services]) -> authzen.MetadataOut:
    """The metadata; ``policy_decision_point`` is ``server.public_url``, which has to be https to be believed."""
    return authzen.metadata(services.public_url)


@post(
    authzen.EVALUATION,
    operation_class=contract.taking(authzen.EvaluationIn, "May this subject do this to that?"),
    operation_id="evaluateAccess",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=["AuthZEN"],
    summary="One access evaluation (AuthZEN 1.0)",
    responses={200: ResponseSpec(authzen.DecisionOut, description="Decided", generate_examples=False), **_REFUSALS},
    exception_handlers=_ERRORS,
)
async def evaluate(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Decide and record; ``decision`` is true for *allow* alone, and a denial is a 200 as well."""
    principal, members = await _read(request)
    evaluator = _Evaluator(request.app.state.services, principal)
    return _answer(request, await evaluator.one(members), evaluator)


@post(
    authzen.EVALUATIONS,
    operation_class=contract.taking(authzen.EvaluationsIn, "Several evaluations, and what they have in common"),
    operation_id="evaluateAccesses",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=["AuthZEN"],
    summary="Several access evaluations (AuthZEN 1.0)",
    responses={
        200: ResponseSpec(
            dict[str, list[authzen.DecisionOut]],
            description="Decided, in the order asked; fewer where the semantic ends at the first denial or permit",
            generate_examples=False,
        ),
        **_REFUSALS,
    },
    exception_handlers=_ERRORS,
)
async def evaluate_several(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Decide and record each; without ``evaluations`` it is one alone. What fails inside is a denial that says so."""
    principal, members = await _read(request)
    evaluator = _Evaluator(request.app.state.services, principal)
    asked, evaluations = authzen.to_evaluations(members)
    if not evaluations:
        return _answer(request, await evaluator.one(members), evaluator)
    decisions = await evaluator.several(evaluations, _ENDS_WITH.get(asked.options.evaluations_semantic))
    return _answer(request, b'{"evaluations":[' + b",".join(decisions) + b"]}", evaluator)


@post(
    authzen.REQUESTS,
    operation_class=contract.taking(authzen.AccessRequestIn, "The denied evaluation, and its denial"),
    operation_id="requestAccess",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.ACCEPTED,
    tags=["AuthZEN"],
    summary="Ask a human after a denial (AuthZEN access-request profile, draft 1)",
    responses={
        202: ResponseSpec(authzen.AccessTaskOut, description="Under way", generate_examples=False),
        **contract.problem_responses(400, 401, 403, 410, 413, 415, 429, 503),
    },
    exception_handlers=_REQUEST_ERRORS,
)
async def request_access(request: Request[Any, Any, Any]) -> Response[authzen.AccessTaskOut]:
    """Asked again about the same evaluation, it is the same task. Whoever asks never approves."""
    services: Services = request.app.state.services
    principal, members = await _read(request)
    sent, why = authzen.to_access_request(members)
    question = authzen.to_request(
        members, deadline_min_ms=services.deadline_min_ms, deadline_cap_ms=services.deadline_cap_ms
    )
    denial = sent.denial
    task = await services.request_access.submit(principal, denial.evaluation_id, question, denial.expires_at, why)
    return _told(services, task, HTTPStatus.ACCEPTED)


@get(
    authzen.REQUESTS + "/{task_id:str}",
    operation_id="readAccessRequest",
    security=contract.needs(authorize.CHECK),
    tags=["AuthZEN"],
    summary="How a request for access stands (AuthZEN access-request profile, draft 1)",
    responses={
        200: ResponseSpec(authzen.AccessTaskOut, description="The task", generate_examples=False),
        **contract.problem_responses(401, 403, 404, 503),
    },
    exception_handlers=_REQUEST_ERRORS,
)
async def read_access_request(
    request: Request[Any, Any, Any], services: NamedDependency[Services], task_id: FromPath[str]
) -> Response[authzen.AccessTaskOut]:
    """Once it is approved, evaluate again with ``result.approval`` as ``context.approval``."""
    principal = await services.authenticate(credential(request.scope))
    return _told(services, await services.request_access.status(principal, task_id), HTTPStatus.OK)


@post(
    authzen.REQUESTS + "/{task_id:str}/cancel",
    operation_id="cancelAccessRequest",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=["AuthZEN"],
    summary="Take a request for access back (AuthZEN access-request profile, draft 1)",
    responses={
        200: ResponseSpec(authzen.AccessTaskOut, description="The task, cancelled", generate_examples=False),
        **contract.problem_responses(401, 403, 404, 409, 503),
    },
    exception_handlers=_REQUEST_ERRORS,
)
async def cancel_access_request(
    request: Request[Any, Any, Any], services: NamedDependency[Services], task_id: FromPath[str]
) -> Response[authzen.AccessTaskOut]:
    """Nobody is asked any more; the evaluation stays a denial. A body is not needed, and not read."""
    principal = await services.authenticate(credential(request.scope))
    return _told(services, await services.request_access.cancel(principal, task_id), HTTPStatus.OK)


def _told(services: Services, task: AccessTask, status: HTTPStatus) -> Response[authzen.AccessTaskOut]:
    body = authzen.task_out(task, services.public_url)
    headers = {"location": body.task.status_endpoint}
    if task.status == "pending":
        headers["retry-after"] = str(_POLL_S)
    return Response(body, status_code=status, headers=headers)


class _Evaluator:
    """Asks the broker for one caller; ``left`` is what is left of its quotas, of several answers the least."""

    def __init__(self, services: Services, principal: Principal) -> None:
        self._services = services
        self._principal = principal
        self.left: tuple[Allowance, ...] = ()

    async def one(self, members: Any) -> bytes:
        services, principal = self._services, self._principal
        received_s = services.clock.monotonic_s()
        question = authzen.to_request(
            members, deadline_min_ms=services.deadline_min_ms, deadline_cap_ms=services.deadline_cap_ms
        )
        approval_id, unusable = authzen.approval_in(members), None
        if approval_id is not None:
            found = await services.request_access.approved(principal, approval_id, question)
            if not isinstance(found, Unusable):
                return authzen.render_approved(found, principal, services.public_url, approval_id)
            unusable = found
        asked = Asked(
            principal,
            question,
            received_s,
            lambda check: authzen.render(check, principal, services.public_url, unusable),
        )
        try:
            answered = await services.run_check(asked)
        except InvalidRequest as error:
            raise authzen.at_origin(error) from error
        if answered.allowances and (not self.left or answered.allowances[0].left < self.left[0].left):
            self.left = answered.allowances
        return answered.body

    async def several(self, evaluations: Sequence[Any], ends_with: bool | None) -> list[bytes]:
        """All of them, a few at once; or one after the other until one is as ``ends_with`` says."""
        if ends_with is None:
            turn = asyncio.Semaphore(_AT_ONCE)
            return await asyncio.gather(*(self._in_turn(one, turn) for one in evaluations))
        decisions: list[bytes] = []
        for one in evaluations:
            decisions.append(await self._closed(one))
            if authzen.permits(decisions[-1]) is ends_with:
                break
        return decisions

    async def _in_turn(self, members: Any, turn: asyncio.Semaphore) -> bytes:
        async with turn:
            return await self._closed(members)

    async def _closed(self, members: Any) -> bytes:
        try:
            return await self.one(members)
        except BrokerError as error:
            status = problems.STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
            return authzen.failed(error, status)


async def _read(request: Request[Any, Any, Any]) -> tuple[Principal, Any]:
    services: Services = request.app.state.services
    principal = await services.authenticate(credential(request.scope))
    if request.content_type[0] != JSON:  # 400, where the rest of the broker says 415 (certification scenario 2.4.3)
        raise InvalidRequest("the body is not JSON", [Fault("", f"send Content-Type: {JSON}")])
    return principal, wire.members_of(await request.body())


def _answer(request: Request[Any, Any, Any], body: bytes, evaluator: _Evaluator) -> Response[bytes]:
    return Response(body, media_type=JSON, headers=_request_id(request) | problems.rate_limits(evaluator.left))


def _request_id(request: Request[Any, Any, Any]) -> dict[str, str]:
    sent = request.headers.get(REQUEST_ID, "")
    # Defensive: what could be more than one header, or fill a log, does not come back.
    echoed = 0 < len(sent) <= _REQUEST_ID_LENGTH_MAX and sent.isascii() and sent.isprintable()
    return {REQUEST_ID: sent} if echoed else {}


BODIES = (
    *(authzen.EvaluationIn, authzen.EvaluationsIn, authzen.DecisionOut, authzen.MetadataOut),
    *(authzen.AccessRequestIn, authzen.AccessTaskOut),
)
ROUTES = (configuration, evaluate, evaluate_several, request_access, read_access_request, cancel_access_request)
