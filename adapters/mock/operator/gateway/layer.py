"""The gateway as a layer around the application: keys and headers first, then both translations."""

import hmac
import json
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from adapters.mock.operator.apis.errors import CamaraError, invalid_argument, unauthenticated
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.bodies import BODY_BYTES_MAX
from adapters.mock.operator.deviations import Deviations
from adapters.mock.operator.edge import CONTROL_PREFIX
from adapters.mock.operator.gateway.answers import Told, api_answer, token_answer
from adapters.mock.operator.gateway.questions import api_body, token_request
from adapters.mock.operator.gateway.routes import Route, routes
from adapters.mock.operator.world import World

JSON_TYPE = b"application/json"


class Gateway:
    """An ASGI application around the strict one. What it does not know passes, except the strict one's own paths."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world
        self._habits: Deviations = world.profile.deviations
        self._routes = routes(world.profile)
        self._hidden = {route.inside for route in self._routes.values()} | {
            spoken.base_path for spoken in world.dialects()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Translate a request and its answer."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        route = self._routes.get(scope["path"])
        if route is not None:
            await self._translate(route, scope, receive, send)
        elif self._is_hidden(scope["path"]):
            await _send(send, *self._told(None, 404, {"status": 404, "code": "NOT_FOUND", "message": "No such path."}))
        else:
            await self._app(scope, receive, send)

    def _is_hidden(self, path: str) -> bool:
        return any(path == inside or path.startswith(f"{inside}/") for inside in self._hidden)

    async def _translate(self, route: Route, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _read(receive)
        try:
            if body is None:
                raise invalid_argument("the body is too large")
            self._check_headers(route, headers)
            body = self._inside(route, scope, headers, body)
        except OAuthError as error:
            await _send(send, error.status, {"error": error.code, "error_description": error.description})
            return
        except CamaraError as error:
            await _send(send, *self._told(route, error.info.status, msgspec.to_builtins(error.info)))
            return
        inner: Any = dict(scope)
        inner |= {"path": route.inside, "raw_path": route.inside.encode(), "query_string": b""}
        headers["content-length"] = str(len(body))
        inner["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._app(inner, _replay(body, receive), _Translator(self, route, send))

    def _check_headers(self, route: Route, headers: dict[str, str]) -> None:
        habits = self._habits
        if habits.api_key_header is not None:
            given, known = headers.get(habits.api_key_header, ""), self._world.api_key or ""
            # Defensive: an operator that was given no key has none that fits.
            if not known or not hmac.compare_digest(given.encode(), known.encode()):
                raise unauthenticated()
        if any(headers.get(name) != value for name, value in habits.headers.items()):
            raise invalid_argument("a header that was agreed is missing")
        if habits.correlator == "demanded" and route.operation is not None and not headers.get("x-correlator"):
            raise invalid_argument("x-correlator is missing")

    def _inside(self, route: Route, scope: HTTPScope, headers: dict[str, str], body: bytes) -> bytes:
        if route.operation is None:
            return token_request(self._world, headers, scope["query_string"].decode("latin-1"), body)
        return api_body(self._world, route.operation, headers, body)

    def _told(self, route: Route | None, status: int, members: Any) -> Told:
        if route is not None and route.operation is None:
            return token_answer(self._habits, status, members)
        return api_answer(self._habits, status, members)

    def rewrite(self, route: Route, status: int, body: bytes) -> tuple[int, bytes]:
        """An answer as it leaves. One that is no JSON, by a fault, leaves as it is."""
        try:
            members = json.loads(body)
        except ValueError:
            return status, body
        status, members = self._told(route, status, members)
        return status, msgspec.json.encode(members)


class _Translator:
    """A ``send`` that holds the start of an answer until its body is there; streams pass untouched."""

    def __init__(self, gateway: Gateway, route: Route, send: Send) -> None:
        self._gateway = gateway
        self._route = route
        self._send = send
        self._start: Any = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            await self._begin(message)
            self._start = None
        await self._send(message)

    async def _begin(self, first: Any) -> None:
        start, body = self._start, first.get("body", b"")
        whole = not first.get("more_body", False) and body
        if whole and dict(start["headers"]).get(b"content-type", b"").startswith(JSON_TYPE):
            start["status"], first["body"] = self._gateway.rewrite(self._route, start["status"], body)
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            start["headers"] = [*kept, (b"content-length", str(len(first["body"])).encode())]
        await self._send(start)


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or nothing where it is larger than this operator reads."""
    body = b""
    while True:
        message: Any = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > BODY_BYTES_MAX:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    told: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return told.pop() if told else await receive()

    return again


async def _send(send: Send, status: int, members: Any) -> None:
    body = msgspec.json.encode(members)
    headers = [(b"content-type", JSON_TYPE), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(HTTPStatus(status)), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
