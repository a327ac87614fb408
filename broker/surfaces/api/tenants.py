"""``/v1/tenants``: a platform's customers, their limits and their keys."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from broker.consumers import authorize
from broker.consumers.limits import Limits
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.consumers.manage_tenants import (
    LEVELS_MAX,
    PAGE_MAX,
    KeySecretOut,
    KeysOut,
    TenantOut,
    TenantsOut,
    new_key,
)

TAGS = ["Tenants"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_OVERLAP_MAX_S = 30 * 86_400


class TenantIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A new tenant below one's own, or below ``parent``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=r"^[a-z0-9](-?[a-z0-9])*$")]
    parent: _Name | None = None
    limits: Limits = Limits()


class KeyIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A new bearer key; without ``days`` it holds until it is revoked."""

    consumer: _Name
    scopes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)]
    agent: _Name | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class RotateIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """For how long the old key holds beside the new one."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=_OVERLAP_MAX_S)] = 86_400


BODIES = (TenantIn, KeyIn, RotateIn, Limits)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/tenants",
    operation_class=contract.taking(TenantIn, "The tenant"),
    operation_id="createTenant",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Make a tenant below one's own",
    responses=WRITE,
)
async def create_tenant(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> TenantOut:
    """Its full name is its platform's, a dot, and the name that was sent."""
    principal = await caller_of(request, services)
    sent = await body_of(request, TenantIn)
    return await services.tenants.create(principal, sent.name, sent.limits, sent.parent)


@get(
    "/v1/tenants",
    operation_id="listTenants",
    security=contract.needs(authorize.TENANT_ADMIN),
    tags=TAGS,
    summary="The tenants below one's own",
    responses=READ,
)
async def list_tenants(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    depth: Annotated[int, QueryParameter(name="depth", ge=1, le=LEVELS_MAX)] = 1,
    after: Annotated[str, QueryParameter(name="after", max_length=64)] = "",
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=PAGE_MAX)] = PAGE_MAX,
) -> TenantsOut:
    """By name, `depth` levels down; where `next` is told there are more, and it is the `after` that brings them."""
    return await services.tenants.below(await caller_of(request, services), depth=depth, after=after, limit=limit)


@get(
    "/v1/tenants/{tenant:str}",
    operation_id="readTenant",
    security=contract.needs(authorize.TENANT_ADMIN),
    tags=TAGS,
    summary="One tenant",
    responses=READ,
)
async def read_tenant(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> TenantOut:
    """One's own, or one below it; another is not found."""
    return await services.tenants.show(await caller_of(request, services), tenant)


@post(
    "/v1/tenants/{tenant:str}/suspend",
    operation_id="suspendTenant",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Refuse everything that a tenant asks",
    responses=WRITE,
)
async def suspend_tenant(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> TenantOut:
    """And the tenants below it; on every node within seconds."""
    return await services.tenants.suspend(await caller_of(request, services), tenant)


@post(
    "/v1/tenants/{tenant:str}/resume",
    operation_id="resumeTenant",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="End a suspension",
    responses=WRITE,
)
async def resume_tenant(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> TenantOut:
    """The tenant may act again within seconds."""
    return await services.tenants.resume(await caller_of(request, services), tenant)


@put(
    "/v1/tenants/{tenant:str}/limits",
    operation_class=contract.taking(Limits, "What it may use"),
    operation_id="limitTenant",
    security=contract.needs(authorize.TENANT_ADMIN),
    tags=TAGS,
    summary="Replace a tenant's quotas, budgets and operators",
    responses=WRITE,
)
async def limit_tenant(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> TenantOut:
    """A platform's own limits hold for all its tenants together, whatever theirs are."""
    principal = await caller_of(request, services)
    return await services.tenants.limit(principal, tenant, await body_of(request, Limits))


@post(
    "/v1/tenants/{tenant:str}/keys",
    operation_class=contract.taking(KeyIn, "The key"),
    operation_id="createKey",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Give a tenant a bearer key",
    responses=WRITE,
)
async def create_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> KeySecretOut:
    """For a tenant below one's own; it is shown this once."""
    principal = await caller_of(request, services)
    sent = await body_of(request, KeyIn)
    wanted = new_key(tenant, sent.consumer, sent.agent, sent.scopes, sent.days)
    return await services.tenants.create_key(principal, wanted)


@get(
    "/v1/tenants/{tenant:str}/keys",
    operation_id="listKeys",
    security=contract.needs(authorize.TENANT_ADMIN),
    tags=TAGS,
    summary="A tenant's keys",
    responses=READ,
)
async def list_keys(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> KeysOut:
    """Without their secrets."""
    return await services.tenants.keys(await caller_of(request, services), tenant)


@post(
    "/v1/tenants/{tenant:str}/keys/{key_id:str}/rotate",
    operation_class=contract.taking(RotateIn, "For how long both hold"),
    operation_id="rotateKey",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="A new key in the place of an old one",
    responses=WRITE,
)
async def rotate_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str], key_id: FromPath[str]
) -> KeySecretOut:
    """The same consumer, agent and scopes; the old key ends when the overlap is over."""
    principal = await caller_of(request, services)
    sent = await body_of(request, RotateIn)
    return await services.tenants.rotate_key(principal, tenant, key_id, sent.overlap_s)


@delete(
    "/v1/tenants/{tenant:str}/keys/{key_id:str}",
    operation_id="revokeKey",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Revoke a key",
    responses=READ,
)
async def revoke_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str], key_id: FromPath[str]
) -> KeysOut:
    """It is refused on every node within seconds; the keys that there are."""
    return await services.tenants.revoke_key(await caller_of(request, services), tenant, key_id)


ROUTES = (
    create_tenant,
    list_tenants,
    read_tenant,
    suspend_tenant,
    resume_tenant,
    limit_tenant,
    create_key,
    list_keys,
    rotate_key,
    revoke_key,
)
