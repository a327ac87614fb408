"""``/metrics``."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.types import Message, Scope

from broker.consumers import authorize
from broker.surfaces.api import contract
from broker.surfaces.credential import credential
from broker.surfaces.metrics import CONTENT_TYPE
from broker.surfaces.ports import Services


async def count(message: Message, scope: Scope) -> None:
    """Count a response (a ``before_send`` hook)."""
    if message["type"] == "http.response.start":
        services: Services = scope["litestar_app"].state.services
        services.figures.responded(scope["path"], message["status"])


@get(
    "/metrics",
    operation_id="metrics",
    security=contract.needs(authorize.METRICS),
    tags=["Operations"],
    summary="Figures of this process, as OpenMetrics",
    media_type=CONTENT_TYPE,
    responses=contract.problem_responses(401, 403),
)
async def metrics(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Counts since the process started. Nothing in them is a tenant's, and yet they are for whoever runs the broker."""
    authorize.require(await services.authenticate(credential(request.scope)), authorize.METRICS)
    return Response(services.figures.text(), media_type=CONTENT_TYPE)
