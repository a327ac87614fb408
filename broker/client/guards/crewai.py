"""A guard for crews of CrewAI: a global hook before each tool call."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Unpack

from crewai.hooks import (
    ToolCallHookContext,
    register_after_tool_call_hook,
    register_before_tool_call_hook,
    unregister_after_tool_call_hook,
    unregister_before_tool_call_hook,
)

from broker.client._client import TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions, hold
from broker.client.guards._memory import Memory
from broker.client.guards._rule import Rule

_log = logging.getLogger("broker.client.guards")


def guard_crews(
    broker: TrustBroker,
    rules: Mapping[str, Rule],
    *,
    unguarded: Collection[str] = (),
    **options: Unpack[GuardOptions],
) -> Callable[[], None]:
    """Ask before each tool of every crew in this process; what is returned takes the guard away again.

    The rules' ``number`` is called with the hook's context (its ``crew``, ``task`` and ``agent`` are yours). A crew
    cannot be paused: give ``show`` and ``wait_s``, or the model is told to call again once the person has confirmed.
    Hooks that are registered later may write other arguments: put :func:`broker.client.guards.needs_receipt` on the
    tool. CrewAI runs the tool when a hook fails, so nothing may escape from this one.
    """
    guard = Guard(broker, rules, unguarded=unguarded, **options)
    if not guard.blocking:
        raise TypeError("hooks of CrewAI block: give a TrustBroker and not an AsyncTrustBroker")
    told: Memory[str] = Memory()

    def before(context: ToolCallHookContext) -> bool | None:
        try:
            hold(None)
            call = Call(context.tool_name, context.tool_input, context=(context,))
            verdict = guard.last_look(guard.ask(call), call)
            if verdict.run:
                hold(verdict.receipt)
                return None
            told.replace(str(id(context.tool_input)), verdict.text)
        except Exception as error:  # noqa: BLE001 - see above
            _log.error("the tool is not run: %s", type(error).__name__)
        return False

    def after(context: ToolCallHookContext) -> str | None:
        """What the model is told of a refused call, instead of "blocked by hook"."""
        return told.take(str(id(context.tool_input)))

    register_before_tool_call_hook(before)
    register_after_tool_call_hook(after)

    def remove() -> None:
        unregister_before_tool_call_hook(before)
        unregister_after_tool_call_hook(after)

    return remove
