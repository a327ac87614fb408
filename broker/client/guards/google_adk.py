"""A guard for agents of Google ADK: a plugin of the runner, which covers the tools of every agent in it."""

from collections.abc import Collection, Mapping
from typing import Any, Unpack

from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext

from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions, hold
from broker.client.guards._rule import Rule


class TrustPlugin(BasePlugin):
    """Asks before each tool. The rules' ``number`` is called with the ``ToolContext``; take it from its session.

    Where the person has to do something a confirmation is requested, whose payload holds what to show them; confirm it
    once they have, and the check is looked at again: a confirmation by itself allows nothing. With ``pause=False`` (and
    ``show``) the tool is refused instead. Callbacks of agents come after this one and may write other arguments: put
    :func:`broker.client.guards.needs_receipt` on the tool.
    """

    def __init__(
        self,
        broker: TrustBroker | AsyncTrustBroker,
        rules: Mapping[str, Rule],
        *,
        unguarded: Collection[str] = (),
        pause: bool = True,
        **options: Unpack[GuardOptions],
    ) -> None:
        super().__init__(name="trust")
        self._guard = Guard(broker, rules, unguarded=unguarded, **options)
        self._pause = pause

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> dict[str, Any] | None:
        """Nothing where the tool may run; otherwise what it is answered with."""
        hold(None)
        run = tool_context.session.id
        call = Call(tool.name, tool_args, id=tool_context.function_call_id, run=run, context=(tool_context,))
        verdict = await self._guard.aask(call)
        if self._pause and verdict.prompt and verdict.wants_person and tool_context.tool_confirmation is None:
            tool_context.request_confirmation(hint=verdict.text, payload=verdict.prompt.document)
            tool_context.actions.skip_summarization = True
            return {"error": verdict.text}
        verdict = self._guard.last_look(verdict, call)
        if not verdict.run:
            return {"error": verdict.text}
        hold(verdict.receipt)
        return None
