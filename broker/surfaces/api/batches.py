"""``POST /v1/trust-checks:batch``: many checks in one request, and to each its own answer or problem."""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec

from broker.consumers import authorize
from broker.domain.allowance import Allowance
from broker.domain.check import Principal
from broker.domain.record import Check
from broker.errors import BrokerError, Fault, InvalidRequest, origin
from broker.surfaces import wire
from broker.surfaces.api import contract, correlator, problems
from broker.surfaces.api.checks import JSON, idempotency_key
from broker.surfaces.api.policies import body_of
from broker.surfaces.api.problems import Problem
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services
from broker.surfaces.wire import CheckIn
from broker.usecases.ports import Asked
from broker.usecases.view import CheckView, view

CHECKS_MAX = 100
AT_ONCE = 8
"""How many checks of one batch are under way together; the others wait, and their time begins when theirs comes."""
_log = logging.getLogger(__name__)
_OWN_KEYS = "give each check its own idempotencyKey"


class BatchedIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One check of a batch, and the key under which its answer is kept, if it is to be kept."""

    request: dict[str, Any]
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None


class BatchIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Up to a hundred checks. They are asked in this order, a few at once, and know nothing of each other."""

    checks: Annotated[tuple[BatchedIn, ...], msgspec.Meta(min_length=1, max_length=CHECKS_MAX)]


class BatchedOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What came of one check: its ``check`` where ``status`` is 200, and its ``problem`` where it is anything else.

    ``replayed``: the answer was decided earlier, under the same key; ``retry_after_s`` says when to ask again.
    """

    status: int
    check: CheckView | None = None
    replayed: bool = False
    problem: Problem | None = None
    retry_after_s: int | None = None


class BatchOut(msgspec.Struct, frozen=True, rename="camel"):
    """The answers, in the order of the questions."""

    results: tuple[BatchedOut, ...]


BODIES = (BatchIn, BatchOut, CheckIn)
"""Read and written by hand, so named in the contract by hand."""


@post(
    "/v1/trust-checks:batch",
    operation_class=contract.taking(BatchIn, "The questions"),
    operation_id="createTrustChecks",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=["Trust checks"],
    summary="Many checks in one request",
    responses={
        200: ResponseSpec(BatchOut, description="Each with its answer or its problem", generate_examples=False),
        **contract.problem_responses(400, 401, 403, 413, 415, 503),
    },
)
async def create_checks(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer up to a hundred trust checks. Each counts, costs, is decided and is recorded as if it had come alone."""
    services: Services = request.app.state.services
    principal = await services.authenticate(credential(request.scope))
    authorize.require(principal, authorize.CHECK)
    correlator.require_valid(request.headers.get(correlator.HEADER))
    if "idempotency-key" in request.headers:
        raise InvalidRequest("a batch has no idempotency key of its own", [Fault("/checks", _OWN_KEYS)])
    asked = (await body_of(request, BatchIn)).checks
    _require_apart(asked)
    batch = _Batch(services, principal, request.headers.get("accept-language"))
    turn = asyncio.Semaphore(AT_ONCE)
    results = await asyncio.gather(*(batch.in_turn(one, turn) for one in asked))
    body = msgspec.json.encode(BatchOut(tuple(results)))
    return Response(body, media_type=JSON, headers=problems.rate_limits(batch.least))


class _Batch:
    """Asks the broker for one caller, and remembers how little is left of its quotas."""

    def __init__(self, services: Services, principal: Principal, language: str | None) -> None:
        self._services = services
        self._principal = principal
        self._language = language
        self.least: Sequence[Allowance] = ()

    async def in_turn(self, one: BatchedIn, turn: asyncio.Semaphore) -> BatchedOut:
        async with turn:
            try:
                return await self._answer(one)
            except BrokerError as error:
                problem = problems.problem_of(error)
                return BatchedOut(problem.status, problem=problem, retry_after_s=getattr(error, "retry_after_s", None))
            except Exception as error:  # noqa: BLE001 - a mistake of ours about one must not cost the others' answers
                _log.error("batch: %(error)s at %(place)s", {"error": type(error).__name__, "place": origin(error)})
                return BatchedOut(problems.FAILED.status, problem=problems.FAILED)

    async def _answer(self, one: BatchedIn) -> BatchedOut:
        services, principal = self._services, self._principal
        received_s = services.clock.monotonic_s()
        question = wire.to_request(
            one.request, deadline_min_ms=services.deadline_min_ms, deadline_cap_ms=services.deadline_cap_ms
        )
        key = idempotency_key(one.idempotency_key, one.request, principal)
        answered = await services.run_check(Asked(principal, question, received_s, self._render, key))
        if answered.allowances and (not self.least or answered.allowances[0].left < self.least[0].left):
            self.least = answered.allowances
        check: Any = msgspec.Raw(answered.body)  # encoded already, and one with that key perhaps long ago
        return BatchedOut(HTTPStatus.OK, check=check, replayed=answered.replayed)

    def _render(self, check: Check) -> bytes:
        return msgspec.json.encode(view(check, self._principal, self._language))


def _require_apart(asked: Sequence[BatchedIn]) -> None:
    """Defensive: of two checks under one key only one can be decided, and which one would be luck."""
    keys: set[str] = set()
    for index, one in enumerate(asked):
        if one.idempotency_key in keys:
            raise InvalidRequest(
                "an idempotency key stands twice", [Fault(f"/checks/{index}/idempotencyKey", _OWN_KEYS)]
            )
        if one.idempotency_key is not None:
            keys.add(one.idempotency_key)


ROUTES = (create_checks,)
