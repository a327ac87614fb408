"""``/v1/trust-checks/{id}/outcome``."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from broker.consumers import authorize
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.checks import JSON, UnsupportedMediaType
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services
from broker.usecases.learning.report_outcome import OutcomeView


@post(
    "/v1/trust-checks/{check_id:str}/outcome",
    operation_class=contract.taking(wire.OutcomeIn, "What it turned out to be"),
    operation_id="reportOutcome",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=["Trust checks"],
    summary="What a check turned out to be",
    responses={
        200: ResponseSpec(OutcomeView, description="Kept; the last report counts", generate_examples=False),
        **contract.problem_responses(400, 401, 403, 404, 410, 413, 415, 503),
    },
)
async def report_outcome(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> Response[bytes]:
    """Take a label for a check of the caller's tenant, however late."""
    principal = await services.authenticate(credential(request.scope))
    if request.content_type[0] != JSON:
        raise UnsupportedMediaType
    told = wire.convert(wire.members_of(await request.body()), wire.OutcomeIn)
    kept = await services.report_outcome(principal, check_id, told.outcome, told.found_at)
    return Response(msgspec.json.encode(kept), media_type=JSON)
