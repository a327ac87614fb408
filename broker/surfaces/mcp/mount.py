"""The MCP server as a route of the web application: who calls, what is let in, and how answers travel."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import mcp_types as types
import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from starlette.requests import Request
from starlette.responses import JSONResponse

from broker import __version__
from broker.consumers import authorize
from broker.domain.allowance import Allowance
from broker.domain.check import Principal
from broker.errors import BrokerError, InvalidRequest, NotAuthenticated
from broker.surfaces import wire
from broker.surfaces.credential import challenge, credential
from broker.surfaces.mcp import elicit, resources, texts, tools
from broker.surfaces.ports import Services

PATH = "/mcp"
_PRINCIPAL = "broker.principal"
_RATE_LIMIT, _RETRY_AFTER = "trust-broker/rateLimit", "trust-broker/retryAfterS"
_LISTS_STAY_MS = 60_000
McpContext = ServerRequestContext[Any, Request]
"""What the SDK hands to a handler: the session, and the HTTP request behind it."""


class McpMount:
    """The MCP server as a route of the web application.

    It stands twice: answers are plain JSON, which is fastest, and a stream of events where the caller wants to hear of
    progress meanwhile, which JSON has no room for.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._plain, self._streaming = (self._server() for _ in range(2))
        security = _security(services.public_url)
        self._apps = {
            streaming: server.streamable_http_app(
                streamable_http_path="/",
                stateless_http=True,
                json_response=not streaming,
                max_request_body_size=wire.BODY_BYTES_MAX,
                transport_security=security,
            )
            for streaming, server in ((False, self._plain), (True, self._streaming))
        }

    def _server(self) -> Server[Any]:
        stays = CacheHint(ttl_ms=_LISTS_STAY_MS, scope="private")  # lists follow from the caller's scopes
        return Server(
            "trust-broker",
            version=__version__,
            instructions=texts.INSTRUCTIONS,
            cache_hints={"tools/list": stays, "resources/list": stays, "resources/templates/list": stays},
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """What the SDK needs to have running; a mounted application has no lifespan of its own."""

        @asynccontextmanager
        async def both() -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                for server in (self._plain, self._streaming):
                    await stack.enter_async_context(server.session_manager.run())
                yield

        return both()

    @property
    def handler(self) -> ASGIRouteHandler:
        """The route; everything behind it has passed authentication."""

        @asgi(PATH, is_mount=True, copy_scope=True)
        async def mcp_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(scope, receive, send)

        return mcp_endpoint

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            principal = await self._services.authenticate(credential({**scope, "path": PATH}))
        except NotAuthenticated as error:
            await self._unauthenticated(error)(scope, receive, send)
            return
        body, receive = await _buffered(receive)
        message: Any = None
        try:
            if body and len(body) <= wire.BODY_BYTES_MAX:  # a larger one is refused by the SDK
                message = wire.members_of(body)
        except InvalidRequest as error:
            refusal = JSONResponse(
                {"jsonrpc": "2.0", "id": None, "error": {"code": types.PARSE_ERROR, "message": _sentence(error)}},
                status_code=400,
            )
            await refusal(scope, receive, send)
            return
        # RFC 9110 section 5.5: white space around a value is no part of it; the server in front leaves it there.
        trimmed = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        scope = {**scope, "path": "/", "root_path": PATH, "headers": trimmed, "state": {_PRINCIPAL: principal}}
        await self._apps[_wants_progress(message)](scope, receive, send)

    def _unauthenticated(self, error: NotAuthenticated) -> JSONResponse:
        """RFC 9728 section 5.1: the refusal says where to read how to be let in."""
        return JSONResponse(
            {"title": "Unauthorized", "status": 401, "code": error.code, "detail": str(error)},
            status_code=401,
            media_type="application/problem+json",
            headers=challenge(error, self._services.public_url, PATH),
        )

    async def _list_tools(
        self, context: McpContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools.for_scopes(_principal(context).scopes))

    async def _list_resources(
        self, context: McpContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=resources.listed(_principal(context)))

    async def _list_templates(
        self, context: McpContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.templates(_principal(context)))

    async def _read_resource(
        self, context: McpContext, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        try:
            found = await resources.read(self._services, _principal(context), params.uri)
        except BrokerError as error:
            # SEP-2164: what is not there is a wrong parameter; what may not be read looks the same from here.
            raise MCPError(types.INVALID_PARAMS, _sentence(error), {"uri": params.uri}) from error
        contents = types.TextResourceContents(uri=params.uri, mime_type=found.mime_type, text=found.text)
        return types.ReadResourceResult(contents=[contents])

    async def _call_tool(
        self, context: McpContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        received_s = self._services.clock.monotonic_s()
        entry = tools.named(params.name)
        if entry is None:
            # 2026-07-28, server/tools "Error Handling": an unknown tool is an error of the protocol.
            raise MCPError(types.INVALID_PARAMS, "no such tool; tools/list names those there are")
        principal = _principal(context)
        await context.session.report_progress(0, 1)
        try:
            authorize.require(principal, entry.scope)
            left: list[Allowance] = []
            call = tools.Call(self._services, principal, params.arguments or {}, received_s, left.extend)
            if entry.asks_people and params.request_state is not None:
                answer = await elicit.came_back(call, params)
            else:
                answer = await entry.call(call)
                asks = entry.asks_people and elicit.can_open_links(context)
                if asks and (asked := await elicit.link_for(call, answer)) is not None:
                    return asked
        except BrokerError as error:
            return _failed(error, undecided=entry.decides)
        await context.session.report_progress(1, 1)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=answer.decode("utf-8"))],
            structured_content=msgspec.json.decode(answer),
            _meta=_quotas(left),
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


def _wants_progress(message: Any) -> bool:
    meta = message.get("params") if isinstance(message, dict) else None
    meta = meta.get("_meta") if isinstance(meta, dict) else None
    return isinstance(meta, dict) and "progressToken" in meta


def _principal(context: McpContext) -> Principal:
    if context.request is None:  # Defensive: only _serve leads here, over HTTP
        raise MCPError(types.INVALID_REQUEST, "call over HTTP with a credential")
    principal: Principal = context.request.scope["state"][_PRINCIPAL]
    return principal


def _quotas(left: Sequence[Allowance]) -> dict[str, Any] | None:
    """What is left of the caller's quotas, for the host and not for its model: a result has no headers of its own."""
    return {_RATE_LIMIT: [msgspec.to_builtins(one) for one in left]} if left else None


def _failed(error: BrokerError, *, undecided: bool) -> types.CallToolResult:
    detail = _sentence(error)
    if undecided:
        detail += ". Nothing was decided: do not act."
    text = msgspec.json.encode({"code": error.code, "detail": detail}).decode("utf-8")
    retry_after_s = getattr(error, "retry_after_s", None)
    meta = {_RETRY_AFTER: retry_after_s} if retry_after_s is not None else None
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True, _meta=meta)


def _sentence(error: BrokerError) -> str:
    if isinstance(error, InvalidRequest) and error.faults:
        return "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.faults)
    return str(error)


def _security(public_url: str) -> TransportSecuritySettings:
    """Defensive: only our own name may stand in Host and Origin, which stops DNS rebinding through a browser."""
    host = urlsplit(public_url).netloc
    local = ["127.0.0.1:*", "localhost:*", "[::1]:*"]
    return TransportSecuritySettings(
        allowed_hosts=[host, *local],
        allowed_origins=[public_url, *(f"http://{name}" for name in local)],
    )
