"""``/v1/policies``: candidates that decide nothing: shadow runs, backtests, replays."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from broker.consumers import authorize
from broker.surfaces.api import contract
from broker.surfaces.api.policies import READ, TAGS, WRITE, DocumentIn, body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.policy.policy_views import ShadowOut, ShadowsOut
from broker.usecases.policy.shadow import ShadowReport
from broker.usecases.policy.try_policies import BACKTEST_MAX, ReplayView, TrialView

_BACKTEST_DEFAULT = 5000

_Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class BacktestIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate and the period whose recorded checks it is to decide: from ``since`` up to ``until``."""

    document: Annotated[str, msgspec.Meta(min_length=1)]
    since: _Zoned | None = None
    until: _Zoned | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=BACKTEST_MAX)] = _BACKTEST_DEFAULT


BODIES = (BacktestIn,)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/policies:backtest",
    operation_class=contract.taking(BacktestIn, "A candidate and a period"),
    operation_id="backtestPolicy",
    security=contract.needs(authorize.POLICY_READ),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="What would this document have decided?",
    responses=WRITE,
)
async def backtest(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> TrialView:
    """Decide recorded checks again under a candidate, from their recorded evidence."""
    principal = await caller_of(request, services)
    sent = await body_of(request, BacktestIn)
    return await services.laboratory.backtest(principal, sent.document, sent.since, sent.until, sent.limit)


@post(
    "/v1/policies/{policy_id:str}/shadows",
    operation_class=contract.taking(DocumentIn, "The candidate"),
    operation_id="startShadow",
    security=contract.needs(authorize.POLICY_PUBLISH),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Run a candidate beside live traffic",
    responses=WRITE,
)
async def start_shadow(
    request: Request[Any, Any, Any], services: NamedDependency[Services], policy_id: FromPath[str]
) -> ShadowOut:
    """After each answer and never before it; what it decides is counted and changes nothing."""
    principal = await caller_of(request, services)
    return await services.shadows.start(principal, policy_id, (await body_of(request, DocumentIn)).document)


@get(
    "/v1/policies/shadows",
    operation_id="listShadows",
    security=contract.needs(authorize.POLICY_READ),
    tags=TAGS,
    summary="Shadow runs",
    responses=READ,
)
async def list_shadows(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ShadowsOut:
    """Latest first."""
    return await services.shadows.overview(await caller_of(request, services))


@get(
    "/v1/policies/shadows/{shadow_id:str}",
    operation_id="readShadow",
    security=contract.needs(authorize.POLICY_READ),
    tags=TAGS,
    summary="What a shadow run has counted",
    responses=READ,
)
async def read_shadow(
    request: Request[Any, Any, Any], services: NamedDependency[Services], shadow_id: FromPath[str]
) -> ShadowReport:
    """Changed decisions, expected cost, and who would be affected, over all nodes."""
    return await services.shadows.report(await caller_of(request, services), shadow_id)


@post(
    "/v1/policies/shadows/{shadow_id:str}/end",
    operation_id="endShadow",
    security=contract.needs(authorize.POLICY_PUBLISH),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="End a shadow run",
    responses=WRITE,
)
async def end_shadow(
    request: Request[Any, Any, Any], services: NamedDependency[Services], shadow_id: FromPath[str]
) -> ShadowReport:
    """Its counts stay."""
    return await services.shadows.end(await caller_of(request, services), shadow_id)


@post(
    "/v1/trust-checks/{check_id:str}/replay",
    operation_id="replayTrustCheck",
    security=contract.needs(authorize.POLICY_READ),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Decide a recorded check again",
    responses=WRITE,
)
async def replay(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> ReplayView:
    """From its own evidence, document and table; identical to the last bit, or shown where not."""
    return await services.laboratory.replay(await caller_of(request, services), check_id)


ROUTES = (backtest, start_shadow, list_shadows, read_shadow, end_shadow, replay)
