"""The Model Context Protocol surface: one tool, ``check_trust``, over Streamable HTTP at ``/mcp``.

Built on the official SDK, stateless with JSON answers, so that it serves the revision of 2026-07-28 and the older
handshake on one endpoint. The texts of the tool are constants: nothing that an operator or a subject said gets in.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import mcp_types as types
import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse

from broker import __version__
from broker.domain.check import Principal
from broker.domain.record import Check
from broker.errors import BrokerError, InvalidRequest, NotAuthenticated
from broker.surfaces import wire
from broker.surfaces.credential import authorization
from broker.surfaces.ports import Services
from broker.usecases.ports import Asked
from broker.usecases.view import CheckView, view

PATH = "/mcp"
TOOL = "check_trust"
_PRINCIPAL = "broker.principal"
_PARSE_ERROR = -32700
_DESCRIPTION = """Ask before acting for a person behind a phone number: moving money, resetting a credential, ordering
a SIM. The mobile network is asked whether the number is still in the right hands. Follow `decision`:
`allow` - act now, and pass `receipt` on to whoever executes the action;
`step_up` - do not act; offer one of `nextSteps` to the person, then ask again;
`review` - do not act; a human has to look at it;
`deny` - do not act.
An error means that nothing was decided: do not act."""
_INSTRUCTIONS = "Call check_trust before any sensitive action for a phone number, and act only on decision=allow."


class McpMount:
    """The MCP server as a route of the web application."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tool = _tool()
        server: Server[Any] = Server(
            "trust-broker",
            version=__version__,
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        self._app = server.streamable_http_app(
            streamable_http_path="/",
            stateless_http=True,
            json_response=True,
            max_request_body_size=wire.BODY_BYTES_MAX,
            transport_security=_security(services.public_url),
        )
        self._manager = server.session_manager

    def running(self) -> AbstractAsyncContextManager[None]:
        """What the SDK needs to have running; a mounted application has no lifespan of its own."""
        return self._manager.run()

    @property
    def handler(self) -> ASGIRouteHandler:
        """The route; everything behind it has passed authentication."""

        @asgi(PATH, is_mount=True, copy_scope=True)
        async def mcp_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(scope, receive, send)

        return mcp_endpoint

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            principal = await self._services.authenticate(authorization(scope["headers"]))
        except NotAuthenticated as error:
            refusal = JSONResponse(
                {"title": "Unauthorized", "status": 401, "code": error.code, "detail": str(error)},
                status_code=401,
                media_type="application/problem+json",
                headers={"WWW-Authenticate": 'Bearer realm="trust-broker"'},
            )
            await refusal(scope, receive, send)
            return
        body, receive = await _buffered(receive)
        try:
            if body and len(body) <= wire.BODY_BYTES_MAX:  # a larger one is refused by the SDK
                wire.members_of(body)
        except InvalidRequest as error:
            refusal = JSONResponse(
                {"jsonrpc": "2.0", "id": None, "error": {"code": _PARSE_ERROR, "message": _sentence(error)}},
                status_code=400,
            )
            await refusal(scope, receive, send)
            return
        scope = {**scope, "path": "/", "root_path": PATH, "state": {_PRINCIPAL: principal}}
        await self._app(scope, receive, send)

    async def _list_tools(
        self, _context: ServerRequestContext[Any, Request], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[self._tool])

    async def _call_tool(
        self, context: ServerRequestContext[Any, Request], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name != TOOL:
            return _failed("UNKNOWN_TOOL", f"the only tool is {TOOL}")
        received_s = self._services.clock.monotonic_s()
        if context.request is None:
            return _failed(NotAuthenticated.code, "call over HTTP with a key")
        principal: Principal = context.request.scope["state"][_PRINCIPAL]
        try:
            question = wire.to_request(
                params.arguments or {},
                deadline_min_ms=self._services.deadline_min_ms,
                deadline_cap_ms=self._services.deadline_cap_ms,
            )
            answered = await self._services.run_check(Asked(principal, question, received_s, _renderer(principal)))
        except BrokerError as error:
            return _failed(error.code, _sentence(error))
        text = answered.body.decode("utf-8")
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=msgspec.json.decode(answered.body)
        )


async def _buffered(receive: Any) -> tuple[bytes, Any]:
    """The body, and a ``receive`` that gives it again.

    Defensive: the SDK's parser keeps the last of two members with one name; here they are refused as over REST.
    """
    messages = []
    size = 0
    while size <= wire.BODY_BYTES_MAX:
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
        if not messages[-1].get("more_body"):
            break
    body = b"".join(message.get("body", b"") for message in messages)
    again = iter(messages)

    async def replay() -> Any:
        return next(again, None) or await receive()

    return body, replay


def _renderer(principal: Principal) -> Any:
    def render(check: Check) -> bytes:
        return msgspec.json.encode(view(check, principal))

    return render


def _failed(code: str, detail: str) -> types.CallToolResult:
    text = msgspec.json.encode({"code": code, "detail": f"{detail}. Nothing was decided: do not act."}).decode("utf-8")
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _sentence(error: BrokerError) -> str:
    if isinstance(error, InvalidRequest) and error.faults:
        return "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.faults)
    return str(error)


def _tool() -> types.Tool:
    return types.Tool(
        name=TOOL,
        title="Check trust",
        description=_DESCRIPTION,
        input_schema=_schema(wire.CheckIn),
        output_schema=_schema(CheckView),
        annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=True),
    )


def _schema(kind: type) -> dict[str, Any]:
    """A struct as a JSON Schema with an object at its root, as clients of the older revisions require."""
    (root,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    return {**components.pop(name), "$defs": components}


def _security(public_url: str) -> TransportSecuritySettings:
    """Defensive: only our own name may stand in Host and Origin, which stops DNS rebinding through a browser."""
    host = urlsplit(public_url).netloc
    local = ["127.0.0.1:*", "localhost:*", "[::1]:*"]
    return TransportSecuritySettings(
        allowed_hosts=[host, *local],
        allowed_origins=[public_url, *(f"http://{name}" for name in local)],
    )
