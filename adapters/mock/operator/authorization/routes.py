"""The routes of the authorization server: token, authorization and backchannel endpoints, metadata, keys."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.authorization import backchannel, endpoint
from adapters.mock.operator.authorization.assertions import ALGORITHMS
from adapters.mock.operator.authorization.authorize import CELLULAR_HEADER, Redirected, authorize
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.authorization.presented import Presented, present, read_parameters
from adapters.mock.operator.delivery import Answer, AnyRequest, deliver
from adapters.mock.operator.deviations import TOKEN_PATH
from adapters.mock.operator.edge import ENTRY_KEY
from adapters.mock.operator.faults import Fault
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.profile import Grant, Legs, Profile
from adapters.mock.operator.world import AUTHORIZE_PATH, BACKCHANNEL_PATH, World

NO_STORE = {"cache-control": "no-store"}
Answering = Callable[[World, Presented, JournalEntry], Awaitable[dict[str, Any]]]


class TokenResponse(msgspec.Struct):
    """RFC 6749 section 5.1; ``id_token`` where ``openid`` was asked for."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str | UnsetType = UNSET


class BackchannelResponse(msgspec.Struct):
    """CIBA Core section 7.3; both times are seconds."""

    auth_req_id: str
    expires_in: int
    interval: int


class OAuthErrorBody(msgspec.Struct):
    """RFC 6749 section 5.2."""

    error: str
    error_description: str


class Discovery(msgspec.Struct, omit_defaults=True):
    """The part of the metadata (OpenID Connect Discovery, RFC 8414, CIBA Core 4) that CAMARA clients read."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    scopes_supported: list[str]
    authorization_endpoint: str | None = None
    response_types_supported: list[str] = []
    code_challenge_methods_supported: list[str] = []
    authorization_response_iss_parameter_supported: bool = False
    request_object_signing_alg_values_supported: list[str] = []
    require_signed_request_object: bool = False
    backchannel_authentication_endpoint: str | None = None
    backchannel_token_delivery_modes_supported: list[str] = []
    backchannel_authentication_request_signing_alg_values_supported: list[str] = []
    dpop_signing_alg_values_supported: list[str] = []
    tls_client_certificate_bound_access_tokens: bool = False


def entry_of(request: AnyRequest) -> JournalEntry:
    """The journal entry that the edge opened for this request."""
    entry: JournalEntry = request.scope["state"][ENTRY_KEY]
    return entry


async def delivered(
    world: World, answer: Answer, fault: Fault | None, request: AnyRequest, entry: JournalEntry
) -> Response[Any]:
    """An answer on its way out, through the fault if there is one."""
    if fault is not None:
        entry.fault = msgspec.to_builtins(fault)["type"]
    return await deliver(answer, fault, request, world.clocks.network_now())


def authorization_routes(world: World) -> list[HTTPRouteHandler]:
    """Every route of the authorization server."""
    return [_token(world), _authorize(world), _bc_authorize(world), *_metadata(world)]


def _token(world: World) -> HTTPRouteHandler:
    @post(
        TOKEN_PATH,
        operation_id="token",
        summary="An access token: client credentials, JWT bearer, authorization code, or CIBA",
        status_code=200,
        tags=["authorization"],
        responses={200: _described(TokenResponse, "The token"), **_refusals(400, 401)},
    )
    async def token(request: AnyRequest) -> Response[Any]:
        entry = entry_of(request)
        answer = await _answer(world, request, TOKEN_PATH, endpoint.answer, entry)
        return await delivered(world, answer, world.faults.at_token_endpoint(), request, entry)

    return token


def _bc_authorize(world: World) -> HTTPRouteHandler:
    @post(
        BACKCHANNEL_PATH,
        operation_id="backchannelAuthentication",
        summary="Ask a person on the phone (CIBA, poll mode)",
        status_code=200,
        tags=["authorization"],
        responses={200: _described(BackchannelResponse, "Where to ask for the token"), **_refusals(400, 401)},
    )
    async def bc_authorize(request: AnyRequest) -> Response[Any]:
        entry = entry_of(request)
        answer = await _answer(world, request, BACKCHANNEL_PATH, backchannel.begin, entry)
        return await delivered(world, answer, world.faults.at_backchannel(), request, entry)

    return bc_authorize


def _authorize(world: World) -> HTTPRouteHandler:
    @get(
        AUTHORIZE_PATH,
        operation_id="authorize",
        summary="A code for whoever's SIM carries the request; the network adds who that is",
        status_code=302,
        tags=["authorization"],
        responses={302: _described(None, "Back to the client, with a code or an error"), **_refusals(400)},
    )
    async def send_back(request: AnyRequest) -> Response[Any]:
        entry = entry_of(request)
        try:
            given = read_parameters(request.scope["query_string"].decode())
            location = await authorize(world, given, request.headers.get(CELLULAR_HEADER), entry)
        except Redirected as refused:
            location = refused.location
        except (OAuthError, UnicodeDecodeError) as error:
            refused_here = error if isinstance(error, OAuthError) else OAuthError("invalid_request", "not ASCII")
            entry.code = refused_here.code
            return Response(OAuthErrorBody(refused_here.code, refused_here.description), status_code=400)
        return Response(None, status_code=302, headers=NO_STORE | {"location": location})

    return send_back


def _metadata(world: World) -> list[HTTPRouteHandler]:
    @get("/.well-known/openid-configuration", operation_id="discovery", tags=["authorization"])
    async def discovery() -> Discovery:
        return _discovery(world)

    @get("/oauth2/jwks", operation_id="jwks", tags=["authorization"])
    async def jwks() -> dict[str, Any]:
        return {"keys": [world.key.as_dict(private=False)]}

    return [discovery, jwks]


async def _answer(world: World, request: AnyRequest, path: str, work: Answering, entry: JournalEntry) -> Answer:
    try:
        return Answer(200, await work(world, await present(world.issuer + path, request), entry), dict(NO_STORE))
    except OAuthError as error:
        entry.code = error.code
        return Answer(error.status, OAuthErrorBody(error.code, error.description), NO_STORE | error.headers)


def _described(kind: type[msgspec.Struct] | None, description: str) -> ResponseSpec:
    return ResponseSpec(kind, description=description, generate_examples=False)


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    return {status: _described(OAuthErrorBody, "invalid_client" if status == 401 else "Refused") for status in statuses}  # noqa: PLR2004


def _discovery(world: World) -> Discovery:
    clients = world.profile.clients
    grants = {grant for client in clients for grant in client.grants}
    methods = {method for client in clients for method in client.authentication}
    return Discovery(
        issuer=world.issuer,
        token_endpoint=world.token_url,
        jwks_uri=f"{world.issuer}/oauth2/jwks",
        grant_types_supported=sorted(grants, key=str),
        token_endpoint_auth_methods_supported=sorted(methods, key=str),
        token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        scopes_supported=sorted(world.offered_scopes(Legs.TWO) | world.offered_scopes(Legs.THREE)),
        tls_client_certificate_bound_access_tokens="tls_client_auth" in methods,
        dpop_signing_alg_values_supported=[] if world.profile.dpop is None else list(ALGORITHMS),
        **_browser(world.profile, world.issuer, grants),
        **_phone(world.profile, world.issuer, grants),
    )


def _browser(profile: Profile, issuer: str, grants: set[Grant]) -> dict[str, Any]:
    if profile.authorize is None or Grant.AUTHORIZATION_CODE not in grants:
        return {}
    return {
        "authorization_endpoint": issuer + AUTHORIZE_PATH,
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_object_signing_alg_values_supported": list(ALGORITHMS),
        "require_signed_request_object": profile.authorize.signed_requests == "required",
    }


def _phone(profile: Profile, issuer: str, grants: set[Grant]) -> dict[str, Any]:
    if profile.ciba is None or Grant.CIBA not in grants:
        return {}
    return {
        "backchannel_authentication_endpoint": issuer + BACKCHANNEL_PATH,
        "backchannel_token_delivery_modes_supported": ["poll"],
        "backchannel_authentication_request_signing_alg_values_supported": list(ALGORITHMS),
    }
