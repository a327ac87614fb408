"""The token that a request shows: known, for this operation, and in the hands of whom it was given to."""

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from adapters.mock.operator.apis.errors import CamaraError, permission_denied, unauthenticated
from adapters.mock.operator.authorization.possession import BadProof, Exchange, certificate_thumbprint
from adapters.mock.operator.authorization.presented import certificate_of, single_proof
from adapters.mock.operator.authorization.tokens import AccessToken
from adapters.mock.operator.delivery import AnyRequest
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.world import World

_SHOWN = re.compile(r"(bearer|dpop) +([A-Za-z0-9._~+/=-]{1,4096})", re.IGNORECASE | re.ASCII)


async def authorize(world: World, request: AnyRequest, scopes: Collection[str], entry: JournalEntry) -> AccessToken:
    """The token of a request, used up where it is for one use.

    Raises:
        CamaraError: 401 without a good token or the proof that it is bound to, 403 without the scope.
    """
    shown = _SHOWN.fullmatch(request.headers.get("authorization", ""))
    token = None if shown is None else world.access_tokens.find(shown[2], world.clocks.authorization_now())
    if shown is None or token is None:
        raise unauthenticated()
    await _must_be_held(world, request, shown[1].lower(), shown[2], token)
    entry.client, entry.purpose = token.client_id, token.purpose
    if not token.scopes & set(scopes):
        raise permission_denied("The access token does not carry the scope of this operation.")
    if token.single_use:
        world.access_tokens.consume(shown[2])
    return token


async def _must_be_held(world: World, request: AnyRequest, scheme: str, value: str, token: AccessToken) -> None:
    """RFC 8705 section 3 and RFC 9449 section 7: a bound token without its key is no token."""
    bound = token.binding
    certificate = certificate_of(request)
    if bound.x5t is not None and (certificate is None or certificate_thumbprint(certificate) != bound.x5t):
        raise unauthenticated()
    if bound.jkt is None:
        if scheme != "bearer":
            raise unauthenticated()
        return
    url = world.issuer + request.scope["path"]
    exchange = Exchange(request.method, url, value, await request.body())
    now = world.clocks.authorization_now()
    try:
        nonce = world.possession.at_api(single_proof(request), exchange, bound.jkt, now) if scheme == "dpop" else ""
    except BadProof as error:
        raise _refused("invalid_dpop_proof") from error
    if nonce == "":
        # Defensive: RFC 9449 section 7.1, a bound token is never taken as a bearer token.
        raise _refused("invalid_token")
    if nonce is not None:
        raise _refused("use_dpop_nonce", nonce)


def _refused(error: str, nonce: str | None = None) -> CamaraError:
    headers: dict[str, Any] = {"www-authenticate": f'DPoP error="{error}"'}
    if nonce is not None:
        headers["dpop-nonce"] = nonce
    return CamaraError(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "The token must come with its proof.", headers)
