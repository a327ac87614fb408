"""A guard for the Claude Agent SDK: a ``PreToolUse`` hook, which no permission rule skips."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, Unpack

from claude_agent_sdk import HookContext, HookInput, HookJSONOutput, HookMatcher

from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions
from broker.client.guards._rule import Rule
from broker.client.guards._verdict import Verdict

_SPARE_S = 30.0


def trust_hooks(
    broker: TrustBroker | AsyncTrustBroker,
    rules: Mapping[str, Rule],
    *,
    context: Any = None,
    unguarded: Collection[str] = (),
    receipt_argument: str | None = None,
    **options: Unpack[GuardOptions],
) -> dict[Literal["PreToolUse"], list[HookMatcher]]:
    """The ``hooks`` of ``ClaudeAgentOptions``. Rules are by full name, e.g. ``mcp__shop__pay``.

    The rules' ``number`` is called with ``context``, the session that these options are made for. With
    ``receipt_argument`` the tool gets the receipt under that name, whatever the model wrote there; leave it out of the
    arguments that are bound (``Rule.unbound``), and verify it in the tool. ``show`` is told what to show to the person;
    after that the model may call the tool again, with the same arguments.

    A hook that fails lets the tool run, unless the matcher says ``on_failure="block"``, as this one does; an SDK or a
    command line too old for it refuses to start.
    """
    guard = Guard(broker, rules, unguarded=unguarded, **options)
    trusted = () if context is None else (context,)

    async def before(told: HookInput, _use: str | None, _context: HookContext) -> HookJSONOutput:
        given = dict(told["tool_input"])  # type: ignore[typeddict-item]
        if receipt_argument:
            given.pop(receipt_argument, None)
        call = Call(told["tool_name"], given, context=trusted)  # type: ignore[typeddict-item]
        verdict = guard.last_look(await guard.aask(call), call)
        if not verdict.run:
            return _denied(verdict)
        if receipt_argument and verdict.receipt:
            return _output(updatedInput={**given, receipt_argument: verdict.receipt})
        return {}

    timeout_s = options.get("wait_s", 0.0) + _SPARE_S
    return {"PreToolUse": [HookMatcher(hooks=[before], timeout=timeout_s, on_failure="block")]}


def _denied(verdict: Verdict) -> HookJSONOutput:
    return _output(permissionDecision="deny", permissionDecisionReason=verdict.text)


def _output(**members: Any) -> HookJSONOutput:
    return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **members}}
