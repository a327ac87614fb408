"""``/oauth/token``, ``/oauth/revoke`` and the metadata of both sides (RFC 6749, 7009, 8414, 9728)."""

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from broker.errors import Fault, InvalidRequest
from broker.surfaces.api import contract
from broker.surfaces.api.checks import JSON, UnsupportedMediaType
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services

_FORM = "application/x-www-form-urlencoded"
_FIELDS_MAX = 32


class TokenOut(msgspec.Struct, frozen=True):
    """An access token and what it is good for; ``expires_in`` in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    issued_token_type: str | None = None


class OAuthError(msgspec.Struct, frozen=True):
    """RFC 6749 section 5.2."""

    error: str
    error_description: str | None = None


_ERRORS = {
    status: ResponseSpec(OAuthError, description=text, generate_examples=False)
    for status, text in ((400, "Refused; `error` says why"), (401, "The client did not prove itself"))
}
_TOKEN_RESPONSES = {
    200: ResponseSpec(TokenOut, description="A token", generate_examples=False),
    **_ERRORS,
    **contract.problem_responses(413, 415, 503),
}


@post(
    "/oauth/token",
    operation_class=contract.taking_form("grant_type", "client_assertion_type", "client_assertion"),
    operation_id="token",
    status_code=HTTPStatus.OK,
    security=[{}],
    tags=["OAuth"],
    summary="A token for an agent: client credentials, token exchange, ID-JAG",
    responses=_TOKEN_RESPONSES,
)
async def token(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Answer a client that proves itself with a signed assertion (RFC 7523), and its key with a proof (RFC 9449).

    Where TLS ends at the broker its certificate proves it as well (RFC 8705): send `client_id`, and no assertion.
    """
    answer = await services.oauth.issue(await _form(request), credential(request.scope))
    return _respond(answer.status, answer.body, answer.headers)


@post(
    "/oauth/revoke",
    operation_class=contract.taking_form("token", "client_assertion_type", "client_assertion"),
    operation_id="revokeToken",
    status_code=HTTPStatus.OK,
    security=[{}],
    tags=["OAuth"],
    summary="Take a token back",
    responses={**_ERRORS, **contract.problem_responses(413, 415, 503)},
)
async def revoke(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Revoke a token of the client's own; every node refuses it within seconds."""
    answer = await services.oauth.revoke(await _form(request), credential(request.scope))
    return _respond(answer.status, answer.body, answer.headers)


@get("/.well-known/oauth-authorization-server", operation_id="authorizationServer", security=[{}], tags=["OAuth"])
async def authorization_server(services: NamedDependency[Services]) -> dict[str, Any]:
    """What the token endpoint can do (RFC 8414)."""
    return dict(services.oauth_metadata.server)


@get("/.well-known/oauth-protected-resource", operation_id="protectedResource", security=[{}], tags=["OAuth"])
async def protected_resource(services: NamedDependency[Services]) -> dict[str, Any]:
    """Who gives out tokens for this interface (RFC 9728)."""
    return dict(services.oauth_metadata.rest)


@get("/.well-known/oauth-protected-resource/mcp", operation_id="protectedMcp", security=[{}], tags=["OAuth"])
async def protected_mcp(services: NamedDependency[Services]) -> dict[str, Any]:
    """Who gives out tokens for the MCP endpoint (RFC 9728)."""
    return dict(services.oauth_metadata.mcp)


@get("/oauth/jwks.json", operation_id="tokenKeys", security=[{}], tags=["Keys"])
async def token_keys(services: NamedDependency[Services]) -> dict[str, Any]:
    """The public keys of access tokens."""
    return dict(services.oauth_metadata.keys)


ROUTES = (token, revoke, authorization_server, protected_resource, protected_mcp, token_keys)


async def _form(request: Request[Any, Any, Any]) -> dict[str, str]:
    if request.content_type[0] != _FORM:
        raise UnsupportedMediaType
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=False,
            max_num_fields=_FIELDS_MAX,
            errors="strict",
        )
    except ValueError as error:
        raise InvalidRequest("the form cannot be read", [Fault("", "send URL-encoded parameters")]) from error
    form = dict(pairs)
    if len(form) != len(pairs):  # RFC 6749 3.2: parameters must not be included more than once
        raise InvalidRequest("a parameter occurs twice", [Fault("", "send each parameter once")])
    return form


def _respond(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response[bytes]:
    fixed = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(body), status_code=status, media_type=JSON, headers=headers | fixed)
