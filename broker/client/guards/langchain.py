"""A guard for agents of LangChain and LangGraph: a middleware around every tool call."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeAlias, Unpack

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langgraph.types import Command, interrupt

from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions, holding
from broker.client.guards._rule import Rule
from broker.client.guards._verdict import Verdict

Result: TypeAlias = ToolMessage | Command[Any]


class TrustMiddleware(AgentMiddleware):
    """Asks before each tool. The rules' ``number`` is called with the tool's ``runtime``: take it from its context.

    Where the person has to do something the graph is interrupted with what to show them; resume it with any value once
    they have. That needs a checkpointer; without one pass ``pause=False`` (and ``show``), and the tool is refused.
    Put it last: what stands behind it in the list may still change the arguments.
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
        super().__init__()
        self._guard = Guard(broker, rules, unguarded=unguarded, **options)
        self._pause = pause

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        """Run the tool if it is allowed; on resume this runs again from here, and finds the same check."""
        verdict = self._guard.ask(_call(request))
        if self._paused(verdict):
            verdict = self._guard.ask(_call(request))
        verdict = self._guard.last_look(verdict, _call(request))
        if not verdict.run:
            return _refusal(request, verdict)
        with holding(verdict.receipt):
            return handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        """As :meth:`wrap_tool_call`."""
        verdict = await self._guard.aask(_call(request))
        if self._paused(verdict):
            verdict = await self._guard.aask(_call(request))
        verdict = self._guard.last_look(verdict, _call(request))
        if not verdict.run:
            return _refusal(request, verdict)
        with holding(verdict.receipt):
            return await handler(request)

    def _paused(self, verdict: Verdict) -> bool:
        """Interrupt the graph where the person can help; true when it was resumed."""
        if not (self._pause and verdict.wants_person and verdict.prompt):
            return False
        interrupt(verdict.prompt.document)
        return True


def _call(request: ToolCallRequest) -> Call:
    """The call's id names it within a thread; without a thread two runs might share ids, which the model makes."""
    thread = request.runtime.config.get("configurable", {}).get("thread_id")
    told = request.tool_call
    identity = told["id"] if thread else None
    return Call(told["name"], told["args"], id=identity, run=str(thread or ""), context=(request.runtime,))


def _refusal(request: ToolCallRequest, verdict: Verdict) -> ToolMessage:
    told = request.tool_call
    return ToolMessage(verdict.text, tool_call_id=told["id"], name=told["name"], status="error")
