"""``/v1/watches``: somebody's trust looked at again and again, and whoever listens told when it is worse."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from broker.consumers import authorize
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.events.manage_watches import NewWatch
from broker.usecases.events.watch_views import WatchesOut, WatchOut

TAGS = ["Watches"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)


class WatchIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whose trust, for which action, how often (seconds), for how many days.

    Looks cost what checks cost. The number is kept under seal until the watch is over.
    """

    phone_number: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    action_type: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    purpose: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    every_s: Annotated[int, msgspec.Meta(ge=1, le=30 * 86_400)] = 86_400
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


BODIES = (WatchIn,)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/watches",
    operation_class=contract.taking(WatchIn, "Whose trust"),
    operation_id="startWatch",
    security=contract.needs(authorize.WATCH),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Be told when somebody's trust worsens",
    responses=WRITE,
)
async def start_watch(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> WatchOut:
    """Looks for the first time within seconds; webhooks hear ``watch.worsened``, ``watch.unsure``, ``watch.ended``."""
    principal = await caller_of(request, services)
    sent = await body_of(request, WatchIn)
    expires_at = services.clock.now() + timedelta(days=sent.days)
    phone = wire.to_phone(sent.phone_number)
    new = NewWatch(phone, sent.action_type, sent.purpose, sent.every_s, expires_at)
    return await services.watches.start(principal, new)


@get(
    "/v1/watches",
    operation_id="listWatches",
    security=contract.needs(authorize.WATCH),
    tags=TAGS,
    summary="One's own watches",
    responses=READ,
)
async def list_watches(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> WatchesOut:
    """Those that are over too, newest first."""
    return await services.watches.overview(await caller_of(request, services))


@get(
    "/v1/watches/{watch_id:str}",
    operation_id="readWatch",
    security=contract.needs(authorize.WATCH),
    tags=TAGS,
    summary="One watch",
    responses=READ,
)
async def read_watch(
    request: Request[Any, Any, Any], services: NamedDependency[Services], watch_id: FromPath[str]
) -> WatchOut:
    """What the last look saw; another consumer's is not found."""
    return await services.watches.show(await caller_of(request, services), watch_id)


@delete(
    "/v1/watches/{watch_id:str}",
    operation_id="endWatch",
    security=contract.needs(authorize.WATCH),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Look no more",
    responses=contract.problem_responses(400, 401, 403, 404, 409, 503),
)
async def end_watch(
    request: Request[Any, Any, Any], services: NamedDependency[Services], watch_id: FromPath[str]
) -> WatchOut:
    """The number is forgotten; what was decided stays on record."""
    return await services.watches.end(await caller_of(request, services), watch_id)


ROUTES = (start_watch, list_watches, read_watch, end_watch)
