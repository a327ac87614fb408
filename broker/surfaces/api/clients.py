"""``/v1/tenants/{tenant}/clients`` and ``…/issuers``: who calls with tokens, and who vouches for users."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from broker.consumers import authorize
from broker.consumers.certificates import CertificateName
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.consumers.manage_clients import ClientOut, ClientsOut, IssuersOut, NewClient

TAGS = ["Tenants"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)
NEEDS = contract.needs(authorize.TENANT_ADMIN)
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Uri = Annotated[str, msgspec.Meta(min_length=9, max_length=2000)]


class KeySetIn(msgspec.Struct, frozen=True):
    """Public keys (RFC 7517): of several each with a ``kid`` of its own."""

    keys: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1, max_length=10)]


class ClientIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A new OAuth client, and one thing that proves it.

    Its keys, or the https address where they are (`private_key_jwt`); or a name in its certificate
    (`tls_client_auth`), or the certificate's digest (`self_signed_tls_client_auth`).
    """

    consumer: _Name
    scopes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)]
    jwks: KeySetIn | None = None
    jwks_uri: _Uri | None = None
    certificate: CertificateName | None = None
    agent: _Name | None = None
    bound: bool = True
    delegates: bool = False


class ClientKeysIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The keys that take the place of those before, or the https address where they are."""

    jwks: KeySetIn | None = None
    jwks_uri: _Uri | None = None


class IssuerIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An identity provider, named as in the ``iss`` of its tokens, and its keys."""

    issuer: Annotated[str, msgspec.Meta(min_length=9, max_length=512)]
    jwks: KeySetIn


BODIES = (ClientIn, ClientKeysIn, IssuerIn)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/tenants/{tenant:str}/clients",
    operation_class=contract.taking(ClientIn, "The client"),
    operation_id="registerClient",
    security=NEEDS,
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Register an OAuth client",
    responses=WRITE,
)
async def register_client(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> ClientOut:
    """Of one's own tenant or one below it, with scopes that one holds oneself."""
    principal = await caller_of(request, services)
    sent = await body_of(request, ClientIn)
    wanted = NewClient(
        tenant=tenant,
        consumer=sent.consumer,
        agent=sent.agent,
        jwks=_text(sent.jwks),
        jwks_uri=sent.jwks_uri,
        certificate=sent.certificate,
        scopes=sent.scopes,
        bound=sent.bound,
        delegates=sent.delegates,
    )
    return await services.clients.register(principal, wanted)


@get(
    "/v1/tenants/{tenant:str}/clients",
    operation_id="listClients",
    security=NEEDS,
    tags=TAGS,
    summary="A tenant's OAuth clients",
    responses=READ,
)
async def list_clients(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> ClientsOut:
    """Oldest first, without their keys."""
    return await services.clients.of_tenant(await caller_of(request, services), tenant)


@put(
    "/v1/tenants/{tenant:str}/clients/{client_id:str}/keys",
    operation_class=contract.taking(ClientKeysIn, "The keys"),
    operation_id="rekeyClient",
    security=NEEDS,
    tags=TAGS,
    summary="Give a client other keys",
    responses=WRITE,
)
async def rekey_client(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    tenant: FromPath[str],
    client_id: FromPath[str],
) -> ClientOut:
    """Send old and new ones together first, and the new ones alone when the client has moved."""
    principal = await caller_of(request, services)
    sent = await body_of(request, ClientKeysIn)
    return await services.clients.rekey(principal, tenant, client_id, jwks=_text(sent.jwks), jwks_uri=sent.jwks_uri)


@post(
    "/v1/tenants/{tenant:str}/clients/{client_id:str}/suspend",
    operation_id="suspendClient",
    security=NEEDS,
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Refuse a client and its tokens",
    responses=WRITE,
)
async def suspend_client(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    tenant: FromPath[str],
    client_id: FromPath[str],
) -> ClientOut:
    """On every node within seconds."""
    return await services.clients.disable(await caller_of(request, services), tenant, client_id)


@post(
    "/v1/tenants/{tenant:str}/clients/{client_id:str}/resume",
    operation_id="resumeClient",
    security=NEEDS,
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="End a client's suspension",
    responses=WRITE,
)
async def resume_client(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    tenant: FromPath[str],
    client_id: FromPath[str],
) -> ClientOut:
    """Of a tenant below one's own."""
    return await services.clients.enable(await caller_of(request, services), tenant, client_id)


@delete(
    "/v1/tenants/{tenant:str}/clients/{client_id:str}",
    operation_id="deleteClient",
    security=NEEDS,
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Forget a client",
    responses=READ,
)
async def delete_client(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    tenant: FromPath[str],
    client_id: FromPath[str],
) -> ClientsOut:
    """Its tokens are refused on every node within seconds; the clients that there are."""
    return await services.clients.delete(await caller_of(request, services), tenant, client_id)


@put(
    "/v1/tenants/{tenant:str}/issuers",
    operation_class=contract.taking(IssuerIn, "The identity provider"),
    operation_id="trustIssuer",
    security=NEEDS,
    tags=TAGS,
    summary="Trust an identity provider",
    responses=WRITE,
)
async def trust_issuer(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> IssuersOut:
    """Take its word for who the tenant's users are; its keys are replaced where it was trusted before."""
    principal = await caller_of(request, services)
    sent = await body_of(request, IssuerIn)
    return await services.clients.trust(principal, tenant, sent.issuer, _text(sent.jwks))


@get(
    "/v1/tenants/{tenant:str}/issuers",
    operation_id="listIssuers",
    security=NEEDS,
    tags=TAGS,
    summary="The identity providers that a tenant trusts",
    responses=READ,
)
async def list_issuers(
    request: Request[Any, Any, Any], services: NamedDependency[Services], tenant: FromPath[str]
) -> IssuersOut:
    """By name."""
    return await services.clients.trusted(await caller_of(request, services), tenant)


@delete(
    "/v1/tenants/{tenant:str}/issuers",
    operation_id="distrustIssuer",
    security=NEEDS,
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Trust an identity provider no longer",
    responses=READ,
)
async def distrust_issuer(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    tenant: FromPath[str],
    issuer: Annotated[str, QueryParameter(name="issuer", max_length=512)] = "",
) -> IssuersOut:
    """Tokens that it vouched for end within five minutes; those that are left."""
    return await services.clients.distrust(await caller_of(request, services), tenant, issuer)


def _text(keys: KeySetIn | None) -> str:
    return "" if keys is None else msgspec.json.encode(keys).decode("utf-8")


ROUTES = (
    register_client,
    list_clients,
    rekey_client,
    suspend_client,
    resume_client,
    delete_client,
    trust_issuer,
    list_issuers,
    distrust_issuer,
)
