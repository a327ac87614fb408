"""``/v1/operators``: who can be asked; ``/v1/sandbox/numbers``: what there is to play with."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from broker.consumers import authorize
from broker.surfaces.api import contract
from broker.surfaces.api.policies import caller_of
from broker.surfaces.ports import Services
from broker.usecases.operators.list_operators import OperatorsOut
from broker.usecases.operators.magic_numbers import MagicNumbersOut


@get(
    "/v1/operators",
    operation_id="listOperators",
    security=contract.needs(authorize.CHECK),
    tags=["Operators"],
    summary="Who can be asked, about what, and whether they are well",
    responses=contract.problem_responses(401, 403, 503),
)
async def list_operators(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> OperatorsOut:
    """With ``trust:explain`` names, APIs, versions, prices and health as well; without it what can be known at all."""
    return await services.operators(await caller_of(request, services))


@get(
    "/v1/sandbox/numbers",
    operation_id="listMagicNumbers",
    security=contract.needs(authorize.CHECK),
    tags=["Operators"],
    summary="The magic numbers of the sandbox",
    responses=contract.problem_responses(401, 403, 503),
)
async def list_numbers(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> MagicNumbersOut:
    """What is true about each; tenants called ``sandbox``, and those below them, may ask about these and no others."""
    return services.operators.numbers(await caller_of(request, services))


ROUTES = (list_operators, list_numbers)
