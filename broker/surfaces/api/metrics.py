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
    """Counts since the process started: of one's own tenant and those below; of the process for who has none above."""
    principal = await services.authenticate(credential(request.scope))
    visible = await services.whose_figures(principal, services.figures.tenants)
    return Response(services.figures.text(visible.tenants, process=visible.process), media_type=CONTENT_TYPE)
