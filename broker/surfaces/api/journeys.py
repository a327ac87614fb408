"""``/v1/trust-checks/{id}/journey``: the other checks of the same conversation."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from broker.consumers import authorize
from broker.surfaces.api import contract
from broker.surfaces.api.policies import caller_of
from broker.surfaces.ports import Services
from broker.usecases.journeys import JourneyOut


@get(
    "/v1/trust-checks/{check_id:str}/journey",
    operation_id="readJourney",
    security=contract.needs(authorize.CHECK),
    tags=["Trust checks"],
    summary="The checks that share a conversation with this one",
    responses=contract.problem_responses(400, 401, 403, 404, 410, 503),
)
async def read_journey(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> JourneyOut:
    """Earliest first: channels, actions, decisions, roughly how long apart; no number, no id of another's check."""
    return await services.journeys.show(await caller_of(request, services), check_id)
