"""A guard for agents of Pydantic AI: a toolset around another one."""

from collections.abc import Collection, Mapping
from typing import Any, Unpack

from pydantic_ai import ApprovalRequired, RunContext
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions, holding
from broker.client.guards._rule import Rule


class TrustToolset(WrapperToolset[Any]):
    """Asks before each tool of the toolset it wraps. The rules' ``number`` is called with the ``RunContext``.

    Where the person has to do something the run ends with ``DeferredToolRequests`` (make it one of the agent's output
    types) whose metadata holds what to show them; approve the call once they have, and the check is looked at again.
    With ``pause=False`` (and ``show``) the tool is refused instead.
    """

    def __init__(
        self,
        wrapped: AbstractToolset[Any],
        broker: TrustBroker | AsyncTrustBroker,
        rules: Mapping[str, Rule],
        *,
        unguarded: Collection[str] = (),
        pause: bool = True,
        **options: Unpack[GuardOptions],
    ) -> None:
        super().__init__(wrapped)
        self.guard = Guard(broker, rules, unguarded=unguarded, **options)
        self.pause = pause

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Run the tool if it is allowed; an approval by itself allows nothing."""
        call = Call(name, tool_args, id=ctx.tool_call_id, run=ctx.conversation_id or "", context=(ctx,))
        verdict = await self.guard.aask(call)
        if self.pause and verdict.wants_person and verdict.prompt and not ctx.tool_call_approved:
            raise ApprovalRequired(metadata=verdict.prompt.document)
        verdict = self.guard.last_look(verdict, call)
        if not verdict.run:
            return verdict.text
        with holding(verdict.receipt):
            return await super().call_tool(name, tool_args, ctx, tool)
