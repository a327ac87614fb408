"""``/v1/metering``: what a tenant used, for its invoice."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from broker.consumers import authorize
from broker.surfaces.api import contract
from broker.surfaces.api.policies import caller_of
from broker.surfaces.ports import Services
from broker.usecases.consumers.meter import MeterOut, as_csv, period


@get(
    "/v1/metering",
    operation_id="readMetering",
    security=contract.needs(authorize.TENANT_ADMIN),
    tags=["Tenants"],
    summary="What a tenant used",
    responses={
        200: ResponseSpec(MeterOut, description="Checks and operator calls by day", generate_examples=False),
        **contract.problem_responses(400, 401, 403, 404, 503),
    },
)
async def read_metering(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    tenant: Annotated[str | None, QueryParameter(name="tenant")] = None,
    since: Annotated[date | None, QueryParameter(name="since")] = None,
    until: Annotated[date | None, QueryParameter(name="until")] = None,
    below: Annotated[bool, QueryParameter(name="below")] = False,
    as_: Annotated[Literal["json", "csv"], QueryParameter(name="format")] = "json",
) -> Response[bytes]:
    """One's own tenant, or one below it; the last 31 days if nothing else is said. The sums are those of the record.

    `below` tells all tenants below with it, each line with its tenant: what a platform invoices.
    """
    principal = await caller_of(request, services)
    first, last = period(since, until, services.clock.now().date())
    metered = await services.meter(principal, tenant or principal.tenant, first, last, below=below)
    if as_ == "csv":
        return Response(as_csv(metered).encode("utf-8"), media_type="text/csv", status_code=HTTPStatus.OK)
    return Response(msgspec.json.encode(metered), media_type="application/json", status_code=HTTPStatus.OK)


ROUTES = (read_metering,)
