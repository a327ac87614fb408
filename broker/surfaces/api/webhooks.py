"""``/v1/webhooks``: where events are sent."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from broker.consumers import authorize
from broker.domain.event import EventKind
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.events.manage_webhooks import WebhookOut, WebhookSecretOut, WebhooksOut

TAGS = ["Webhooks"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)
_URL_MAX = 2000


class WebhookIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to send which events; none named means all."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=_URL_MAX)]
    events: Annotated[tuple[EventKind, ...], msgspec.Meta(max_length=32)] = ()


BODIES = (WebhookIn,)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/webhooks",
    operation_class=contract.taking(WebhookIn, "Where to send which events"),
    operation_id="addWebhook",
    security=contract.needs(authorize.EVENTS),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Send events there",
    responses=WRITE,
)
async def add_webhook(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> WebhookSecretOut:
    """CloudEvents, signed by Standard Webhooks, at least once, in order for each check. The secret is shown once."""
    principal = await caller_of(request, services)
    sent = await body_of(request, WebhookIn)
    return await services.webhooks.add(principal, sent.url, sent.events)


@get(
    "/v1/webhooks",
    operation_id="listWebhooks",
    security=contract.needs(authorize.EVENTS),
    tags=TAGS,
    summary="Where events are sent",
    responses=READ,
)
async def list_webhooks(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> WebhooksOut:
    """With how many events wait for each, and how many were given up."""
    return await services.webhooks.overview(await caller_of(request, services))


@get(
    "/v1/webhooks/{webhook_id:str}",
    operation_id="readWebhook",
    security=contract.needs(authorize.EVENTS),
    tags=TAGS,
    summary="One webhook",
    responses=READ,
)
async def read_webhook(
    request: Request[Any, Any, Any], services: NamedDependency[Services], webhook_id: FromPath[str]
) -> WebhookOut:
    """Without its secret."""
    return await services.webhooks.show(await caller_of(request, services), webhook_id)


@delete(
    "/v1/webhooks/{webhook_id:str}",
    operation_id="deleteWebhook",
    security=contract.needs(authorize.EVENTS),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Send nothing there any more",
    responses=WRITE,
)
async def delete_webhook(
    request: Request[Any, Any, Any], services: NamedDependency[Services], webhook_id: FromPath[str]
) -> WebhookOut:
    """What waits is forgotten; the webhook as it was."""
    return await services.webhooks.delete(await caller_of(request, services), webhook_id)


@post(
    "/v1/webhooks/{webhook_id:str}/rotate",
    operation_id="rotateWebhook",
    security=contract.needs(authorize.EVENTS),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="A new secret",
    responses=WRITE,
)
async def rotate_webhook(
    request: Request[Any, Any, Any], services: NamedDependency[Services], webhook_id: FromPath[str]
) -> WebhookSecretOut:
    """For a while every message carries the signatures of both."""
    return await services.webhooks.rotate(await caller_of(request, services), webhook_id)


@post(
    "/v1/webhooks/{webhook_id:str}/redeliver",
    operation_id="redeliverWebhook",
    security=contract.needs(authorize.EVENTS),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Send once more what was given up",
    responses=WRITE,
)
async def redeliver_webhook(
    request: Request[Any, Any, Any], services: NamedDependency[Services], webhook_id: FromPath[str]
) -> WebhookOut:
    """And enable a webhook that was disabled."""
    return await services.webhooks.revive(await caller_of(request, services), webhook_id)


ROUTES = (add_webhook, list_webhooks, read_webhook, delete_webhook, rotate_webhook, redeliver_webhook)
