"""``/camara/…``: network APIs as an operator serves them."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from broker.domain.allowance import Allowance
from broker.domain.credential import Presented
from broker.domain.signal import Unavailable
from broker.domain.tenancy import is_sandbox
from broker.errors import BrokerError, NotAuthenticated, origin
from broker.surfaces import wire
from broker.surfaces.api import correlator, problems
from broker.surfaces.api.checks import JSON
from broker.surfaces.camara import apis, errors
from broker.surfaces.credential import challenge, credential
from broker.surfaces.ports import Services

PURPOSE = "FraudPreventionAndDetection"
SANDBOX_HEADER = "x-trust-broker-sandbox"
"""On answers that a sandbox gave: their bodies are CAMARA's, and have no room for it."""
_GATEWAY_KEY = b"x-rapidapi-key"
_log = logging.getLogger(__name__)


def _on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Any error in CAMARA's form."""
    if isinstance(error, errors.CamaraError):
        told = error
    elif isinstance(error, BrokerError):
        told = errors.of_broker(error)
    elif isinstance(error, HTTPException):
        told = errors.of_status(error.status_code)
    else:
        _log.error("%(error)s at %(place)s", {"error": type(error).__name__, "place": origin(error)})
        told = errors.of_broker(BrokerError())
    headers = {} if told.retry_after_s is None else {"Retry-After": str(max(1, round(told.retry_after_s)))}
    if isinstance(error, NotAuthenticated):
        headers |= challenge(error, request.app.state.services.public_url, request.url.path)
    return Response(msgspec.json.encode(told.info), status_code=told.info.status, media_type=JSON, headers=headers)


_ERRORS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    errors.CamaraError: _on_error,
    BrokerError: _on_error,
    HTTPException: _on_error,
    Exception: _on_error,
}


@post(
    "/camara/{path:path}",
    status_code=HTTPStatus.OK,
    include_in_schema=False,  # CAMARA's own definitions describe it
    exception_handlers=_ERRORS,
)
async def call_network(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """Answer as the operator of the number would."""
    services: Services = request.app.state.services
    received_s = services.clock.monotonic_s()
    correlator.require_valid(request.headers.get(correlator.HEADER))
    principal = await services.authenticate(_credential(request))
    found = apis.find(path)
    if found is None:
        raise errors.not_found()
    if request.content_type[0] != JSON:
        raise errors.of_status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    call, operation = found
    parts = operation.read(wire.members_of(await request.body()))
    question = apis.question_of(call, operation, parts, PURPOSE)
    left: list[Allowance] = []
    signal = await services.ask_network(principal, question, received_s, left.extend)
    if isinstance(signal, Unavailable):
        raise errors.of_signal(signal)
    headers = problems.rate_limits(left) | ({SANDBOX_HEADER: "true"} if is_sandbox(principal.tenant) else {})
    return Response(msgspec.json.encode(operation.tell(signal, parts)), media_type=JSON, headers=headers)


def _credential(request: Request[Any, Any, Any]) -> Presented:
    """The credential of a request. Clients of one large gateway send theirs in a header of their own."""
    presented = credential(request.scope)
    keys = [value for name, value in request.scope["headers"] if name == _GATEWAY_KEY]
    if presented.authorization is not None or len(keys) != 1:
        return presented
    return msgspec.structs.replace(presented, authorization=f"Bearer {keys[0].decode('latin-1')}")


ROUTES = (call_network,)
