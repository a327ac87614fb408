"""``/camara/oauth2/…``: what a CAMARA client needs before its first call, where it insists on asking for a token.

Agents and new back ends use ``/oauth/token``. Clients that know an operator's endpoints alone send an identifier and a
secret, as client credentials or in the two steps of CIBA. Their secret is a key of this broker, and the token that they
get is that same key: it says no more than the key does, nothing is kept, and revoking the key ends it at once.
"""

import base64
import binascii
import hashlib
import hmac
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from broker.consumers import authorize
from broker.domain.credential import Presented
from broker.errors import InvalidRequest, NotAuthenticated, NotPermitted
from broker.surfaces.api.checks import JSON
from broker.surfaces.ports import Services

CIBA = "urn:openid:params:grant-type:ciba"
_TOKEN, _BACKCHANNEL = "/camara/oauth2/token", "/camara/oauth2/backchannel-authentication"
_FORM = "application/x-www-form-urlencoded"
_LIFETIME_S = 300
_ORDER_S = 120
_INTERVAL_S = 1
_FIELDS_MAX = 32
_SCOPE_MAX = 512
_HINTS = ("tel:", "phone_number:")


class _Order(msgspec.Struct, frozen=True):
    """What a token was ordered for: the scope asked, and until when, in seconds since the epoch."""

    scope: str
    until_s: int


class _Refused(Exception):
    """RFC 6749 section 5.2."""

    def __init__(self, error: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


def _on_refused(_request: Request[Any, Any, Any], refused: _Refused) -> Response[bytes]:
    headers = {"WWW-Authenticate": 'Basic realm="trust-broker"'} if refused.status == HTTPStatus.UNAUTHORIZED else {}
    return _respond({"error": refused.error}, refused.status, headers)


@get("/camara/.well-known/openid-configuration", include_in_schema=False)
async def configuration(services: NamedDependency[Services]) -> dict[str, Any]:
    """Where a CAMARA client finds the endpoints (OpenID Connect Discovery 1.0 section 3, CIBA section 4)."""
    url = services.public_url
    return {
        "issuer": f"{url}/camara",
        "token_endpoint": url + _TOKEN,
        "backchannel_authentication_endpoint": url + _BACKCHANNEL,
        "backchannel_token_delivery_modes_supported": ["poll"],
        "grant_types_supported": ["client_credentials", CIBA],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "response_types_supported": [],
    }


@post(
    _BACKCHANNEL,
    status_code=HTTPStatus.OK,
    include_in_schema=False,
    exception_handlers={_Refused: _on_refused},
)
async def order_token(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Take an order for a token (CIBA section 7). Nobody is asked: the purposes of this broker say what may be."""
    form = await _form(request)
    key = await _key(services, request, form)
    if not form.get("login_hint", "").startswith(_HINTS):
        raise _Refused("unknown_user_id")
    order = _Order(_scope(form), int(services.clock.now().timestamp()) + _ORDER_S)
    answer = {"auth_req_id": _sealed(order, key), "expires_in": _ORDER_S, "interval": _INTERVAL_S}
    return _respond(answer, HTTPStatus.OK)


@post(_TOKEN, status_code=HTTPStatus.OK, include_in_schema=False, exception_handlers={_Refused: _on_refused})
async def give_token(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Give a token for an order, or for credentials alone (RFC 6749 section 4.4)."""
    form = await _form(request)
    key = await _key(services, request, form)
    match form.get("grant_type"):
        case "client_credentials":
            scope = _scope(form)
        case grant if grant == CIBA:
            scope = _opened(form.get("auth_req_id", ""), key, services).scope
        case _:
            raise _Refused("unsupported_grant_type")
    answer = {"access_token": key, "token_type": "Bearer", "expires_in": _LIFETIME_S, "scope": scope}
    return _respond(answer, HTTPStatus.OK)


async def _form(request: Request[Any, Any, Any]) -> dict[str, str]:
    if request.content_type[0] != _FORM:
        raise _Refused("invalid_request")
    try:
        fields = parse_qs((await request.body()).decode("ascii"), max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise _Refused("invalid_request") from error
    if any(len(values) > 1 for values in fields.values()):
        raise _Refused("invalid_request")
    return {name: values[0] for name, values in fields.items()}


async def _key(services: Services, request: Request[Any, Any, Any], form: dict[str, str]) -> str:
    """The caller's secret, once it has proven to be a key with the scope of the facade."""
    key = form.get("client_secret") or _basic_secret(request.headers.get("authorization", ""))
    try:
        principal = await services.authenticate(Presented(authorization=f"Bearer {key}", path=_TOKEN))
        authorize.require(principal, authorize.NETWORK)
    except (NotAuthenticated, InvalidRequest) as error:
        raise _Refused("invalid_client", HTTPStatus.UNAUTHORIZED) from error
    except NotPermitted as error:
        raise _Refused("unauthorized_client") from error
    return key


def _basic_secret(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("ascii") if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    return decoded.partition(":")[2]


def _scope(form: dict[str, str]) -> str:
    scope = form.get("scope", "")
    if not 0 < len(scope) <= _SCOPE_MAX or not scope.isprintable():
        raise _Refused("invalid_scope")
    return scope


def _sealed(order: _Order, key: str) -> str:
    """An order that only whoever holds the key can have made, and whoever holds it can redeem."""
    body = msgspec.json.encode(order)
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), body, hashlib.sha256) + body).decode("ascii")


def _opened(sent: str, key: str, services: Services) -> _Order:
    try:
        raw = base64.urlsafe_b64decode(sent.encode("ascii"))
        seal, body = raw[: hashlib.sha256().digest_size], raw[hashlib.sha256().digest_size :]
        if not hmac.compare_digest(seal, hmac.digest(key.encode(), body, hashlib.sha256)):
            raise _Refused("invalid_grant")
        order = msgspec.json.decode(body, type=_Order)
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError) as error:
        raise _Refused("invalid_grant") from error
    if order.until_s < services.clock.now().timestamp():
        raise _Refused("expired_token")
    return order


def _respond(body: dict[str, Any], status: HTTPStatus, headers: dict[str, str] | None = None) -> Response[bytes]:
    fixed = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(body), status_code=status, media_type=JSON, headers=fixed | (headers or {}))


ROUTES = (configuration, order_token, give_token)
