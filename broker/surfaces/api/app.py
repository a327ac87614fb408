"""The web application: routes, errors, published contract."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from litestar import Litestar, MediaType, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from broker.errors import BrokerError, Unrecorded
from broker.surfaces.api import (
    audit,
    authzen,
    batches,
    camara,
    camara_oauth,
    challenges,
    checks,
    clients,
    consents,
    contract,
    correlator,
    disclosures,
    docs,
    journeys,
    metering,
    metrics,
    oauth,
    operators,
    outcomes,
    policies,
    problems,
    receipts,
    reviews,
    rights,
    subjects,
    tenants,
    trials,
    watches,
    webhooks,
)
from broker.surfaces.mcp import McpMount
from broker.surfaces.pages import ceremony, consent
from broker.surfaces.ports import Services
from broker.surfaces.wire import BODY_BYTES_MAX

KEYS_AGE_S = 60
"""For so long a verifier may go on with the keys that it has: a revoked one is believed no longer than that."""


@get(
    "/health/live",
    operation_id="live",
    security=[{}],
    tags=["Operations"],
    summary="The process runs",
    media_type=MediaType.TEXT,
)
async def live() -> str:
    """Say so; nothing is asked of anybody."""
    return "ok"


@get(
    "/health/ready",
    operation_id="ready",
    security=[{}],
    tags=["Operations"],
    summary="Checks can be recorded",
    media_type=MediaType.TEXT,
    responses=contract.problem_responses(503),
)
async def ready(services: NamedDependency[Services]) -> str:
    """Say so when a record could be written within the last second; 503 otherwise, for then there is no decision.

    A log that does not add up is 503, too; one that is behind is said, and so are people who wait too long for an
    answer about their own data: checks go on.
    """
    if not await services.ready():
        raise Unrecorded("the database does not answer")
    if services.log_watch.damage:
        raise Unrecorded("the transparency log does not add up: see the broker's own log")
    return "; ".join(filter(None, (services.log_watch.alarm, services.requests.alarm))) or "ready"


@get(
    "/.well-known/jwks.json",
    operation_id="receiptKeys",
    security=[{}],
    tags=["Keys"],
    summary="Keys that verify receipts (RFC 7517)",
)
async def receipt_keys(services: NamedDependency[Services]) -> Response[dict[str, Any]]:
    """The public keys of receipts. Ask again within a minute: a key that was revoked is not among them any more."""
    return Response(dict(services.receipt_keys()), headers={"Cache-Control": f"public, max-age={KEYS_AGE_S}"})


@get(
    "/.well-known/client-jwks.json",
    operation_id="clientKeys",
    security=[{}],
    tags=["Keys"],
    summary="Keys that operators verify our assertions with",
)
async def client_keys(services: NamedDependency[Services]) -> dict[str, Any]:
    """The public keys of client assertions (RFC 7523), for operators to fetch."""
    return dict(services.client_keys)


_ROUTES: Sequence[ControllerRouterHandler] = (
    *checks.ROUTES,
    *batches.ROUTES,
    journeys.read_journey,
    outcomes.report_outcome,
    *policies.ROUTES,
    *trials.ROUTES,
    *challenges.ROUTES,
    *ceremony.ROUTES,
    *reviews.ROUTES,
    *audit.ROUTES,
    *receipts.ROUTES,
    *webhooks.ROUTES,
    *watches.ROUTES,
    *authzen.ROUTES,
    *oauth.ROUTES,
    *subjects.ROUTES,
    *rights.ROUTES,
    *tenants.ROUTES,
    *clients.ROUTES,
    *camara_oauth.ROUTES,
    *camara.ROUTES,
    *metering.ROUTES,
    *operators.ROUTES,
    *consents.ROUTES,
    *consent.ROUTES,
    *disclosures.ROUTES,
    metrics.metrics,
    receipt_keys,
    client_keys,
    live,
    ready,
)

_ROOMS = (
    authzen,
    batches,
    challenges,
    clients,
    consents,
    disclosures,
    policies,
    receipts,
    reviews,
    rights,
    subjects,
    tenants,
    trials,
    watches,
    webhooks,
)
"""Where bodies are decoded by hand."""


def create_app(services: Services, running: Sequence[AbstractAsyncContextManager[object]] = ()) -> Litestar:
    """The application over the given use cases; what is in ``running`` is entered at start and left at the end."""
    mcp = McpMount(services)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for resource in (*running, mcp.running()):
                await stack.enter_async_context(resource)
            yield

    def provide() -> Services:
        return services

    return Litestar(
        route_handlers=[*_ROUTES, *docs.handlers(), mcp.handler],
        state=State({"services": services}),
        dependencies={"services": Provide(provide, sync_to_thread=False)},
        exception_handlers={
            BrokerError: problems.on_broker_error,
            HTTPException: problems.on_http_error,
            Exception: problems.on_anything_else,
        },
        middleware=[correlator.correlated],
        before_send=[correlator.echo, metrics.count],
        request_max_body_size=BODY_BYTES_MAX,
        lifespan=[lifespan],
        openapi_config=docs.openapi_config([body for room in _ROOMS for body in room.BODIES]),
        logging_config=None,
    )
