"""``x-correlator``: taken from the request or made, and sent back on every response, errors included."""

import re
import uuid
from typing import Any

from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from broker.errors import Fault, InvalidRequest
from broker.surfaces.logs import CORRELATOR

HEADER = "x-correlator"
# CAMARA Commonalities 0.6: `^[a-zA-Z0-9-_:;.\/<>{}]{0,256}$`, without the trailing newline that `$` lets pass.
_PATTERN = re.compile(r"[a-zA-Z0-9\-_:;./<>{}]{0,256}")


async def echo(message: Message, scope: Scope) -> None:
    """Add the header to the start of a response (a ``before_send`` hook)."""
    if message["type"] == "http.response.start":
        given = _sent(scope) or CORRELATOR.get() or str(uuid.uuid4())
        MutableScopeHeaders.from_message(message)[HEADER] = given


def correlated(app: ASGIApp) -> ASGIApp:
    """Give each request its correlator before it is served, for the lines that are logged meanwhile (a middleware)."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        known = CORRELATOR.set(_sent(scope) or str(uuid.uuid4()))
        try:
            await app(scope, receive, send)
        finally:
            CORRELATOR.reset(known)

    return serve


def require_valid(value: str | None) -> None:
    """Refuse a correlator outside CAMARA's pattern.

    Raises:
        InvalidRequest: the header must be left out or changed.
    """
    if value is not None and _PATTERN.fullmatch(value) is None:
        raise InvalidRequest("the header x-correlator is malformed", [Fault("", "send a UUID, or leave it out")])


def _sent(scope: Scope) -> str | None:
    headers: list[tuple[bytes, bytes]] = list(scope.get("headers", ()))
    value: Any = next((value for name, value in headers if name == HEADER.encode()), b"")
    text = value.decode("latin-1")
    # Defensive: a malformed value is refused and must not come back either, for it could carry a header of its own.
    return text if text and _PATTERN.fullmatch(text) else None
