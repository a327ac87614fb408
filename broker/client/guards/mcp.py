"""A guard for tools that an agent calls over the Model Context Protocol, on a server that need not know of it."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import mcp_types as types
from mcp import Client

from broker.client.guards._guard import Call, Guard

RECEIPT = "io.github.trust-broker/receipt"
"""The member of a request's ``_meta`` that carries the receipt to the server."""


class GuardedClient:
    """Calls the tools of one server, each after the guard has allowed it.

    ``context`` is what the rules' ``number`` is called with: the session of the person, never what a model wrote.
    Everything but calling a tool is done with the client itself.
    """

    def __init__(self, client: Client, guard: Guard, *, context: Any = None) -> None:
        self._client = client
        self._guard = guard
        self._context = () if context is None else (context,)

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, **options: Any
    ) -> types.CallToolResult:
        """As the client's own; an error result where the guard says no. The receipt travels in ``_meta``."""
        # A copy: whoever holds the original cannot change what is sent after it was decided about.
        sent = deepcopy(dict(arguments or {}))
        verdict = await self._guard.aask(Call(name, sent, context=self._context))
        verdict = self._guard.last_look(verdict, Call(name, sent, context=self._context))
        if not verdict.run:
            told = types.TextContent(type="text", text=verdict.text)
            return types.CallToolResult(content=[told], is_error=True)
        meta: Any = options.pop("meta", None)
        if verdict.receipt:
            meta = {**(meta or {}), RECEIPT: verdict.receipt}
        return await self._client.call_tool(name, sent, meta=meta, **options)
