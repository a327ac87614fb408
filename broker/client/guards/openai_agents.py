"""A guard for agents of the OpenAI Agents SDK: an input guardrail and an approval on each function tool."""

import json
from dataclasses import replace
from typing import Any, Unpack

from agents import (
    FunctionTool,
    RunContextWrapper,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
)

from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions, hold
from broker.client.guards._memory import Memory
from broker.client.guards._rule import Rule
from broker.client.guards._verdict import Verdict


def guarded_tool(
    tool: FunctionTool,
    broker: TrustBroker | AsyncTrustBroker,
    rule: Rule,
    *,
    pause: bool = True,
    **options: Unpack[GuardOptions],
) -> FunctionTool:
    """The same tool, not run before it is allowed. The rule's ``number`` is called with the run's context wrapper.

    Where the person has to do something the run is interrupted (``result.interruptions``); approve the call once they
    have, and the check is looked at again: an approval by itself allows nothing. ``show`` is told what to show them.
    """
    watch = _Watch(tool, Guard(broker, {tool.name: rule}, **options))
    guardrails = [*(tool.tool_input_guardrails or ()), ToolInputGuardrail(watch.guardrail, name="trust")]
    changed: dict[str, Any] = {"needs_approval": watch.needs_approval} if pause else {}
    return replace(tool, tool_input_guardrails=guardrails, **changed)


class _Watch:
    """Both hooks of one tool. What the first one heard the second one need not ask again."""

    def __init__(self, tool: FunctionTool, guard: Guard) -> None:
        self._tool, self._guard = tool, guard
        self._heard: Memory[Verdict] = Memory()

    async def needs_approval(self, run: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
        """Whether to stop for the person, or for what the tool's own author wanted to be approved."""
        verdict = await self._guard.aask(self._call(run, arguments, call_id))
        if verdict.wants_person:
            return True
        self._heard.replace(call_id, verdict)
        own = self._tool.needs_approval
        return own if isinstance(own, bool) else await own(run, arguments, call_id)

    async def guardrail(self, data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        """Let the tool run, or answer in its place."""
        hold(None)
        run = data.context
        call = self._call(run, _members(run.tool_arguments), run.tool_call_id)
        verdict = self._heard.take(run.tool_call_id) or await self._guard.aask(call)
        verdict = self._guard.last_look(verdict, call)
        if not verdict.run:
            return ToolGuardrailFunctionOutput.reject_content(verdict.text)
        hold(verdict.receipt)
        return ToolGuardrailFunctionOutput.allow()

    def _call(self, run: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> Call:
        return Call(self._tool.name, arguments, id=call_id, context=(run,))


def _members(text: str) -> dict[str, Any]:
    """The arguments as the model wrote them. What is none is refused by what binds them."""
    try:
        members = json.loads(text or "{}")
    except ValueError:
        return {"": object()}
    return members if isinstance(members, dict) else {"": object()}
