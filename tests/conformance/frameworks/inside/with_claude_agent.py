"""The Claude Agent SDK, with a transport that speaks the control protocol as the command line does."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import anyio
from claude_agent_sdk import ClaudeSDKClient, Transport, create_sdk_mcp_server, tool
from scenes import MORE, Ended
from till import pay, shown

from broker.client import TrustBroker
from broker.client.guards._guard import holding
from broker.client.receipts import ReceiptVerifier

NAME = "mcp__till__pay"


class Pretend(Transport):
    """The other end: asks the hooks before the tool, and fails closed or open as the matcher says."""

    def __init__(self, eur: str, changed: str | None = None) -> None:
        self.eur, self.changed = eur, changed
        self.told = ""
        self._hooks: list[dict[str, Any]] = []
        self._out, self._in = anyio.create_memory_object_stream[dict[str, Any]](100)
        self._waiting: dict[str, str] = {}
        self._call: dict[str, Any] = {}

    async def connect(self) -> None:
        """Nothing to start."""

    def is_ready(self) -> bool:
        return True

    async def end_input(self) -> None:
        """Nothing to end."""

    async def close(self) -> None:
        await self._out.aclose()

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        async for message in self._in:
            yield message

    async def write(self, data: str) -> None:
        for line in data.splitlines():
            await self._heard(json.loads(line))

    async def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "control_request":
            self._hooks = (message["request"].get("hooks") or {}).get("PreToolUse", [])
            answer = {"hook_on_failure_supported": True, "commands": []}
            await self._send({"type": "control_response", "response": self._success(message["request_id"], answer)})
        elif message["type"] == "user":
            told = {"hook_event_name": "PreToolUse", "tool_name": NAME, "tool_input": {"iban": "ES1", "eur": self.eur}}
            callback = self._hooks[0]["hookCallbackIds"][0]
            await self._ask("hook", {"subtype": "hook_callback", "callback_id": callback, "input": told})
        elif message["type"] == "control_response":
            await self._answered(message["response"])

    async def _answered(self, response: dict[str, Any]) -> None:
        what = self._waiting.pop(response["request_id"])
        if what == "hook":
            await self._decided(response)
        elif what == "greeting":
            await self._server("greeted", {"method": "notifications/initialized"})
        elif what == "greeted":
            await self._server("tool", {"id": 2, "method": "tools/call", "params": self._call})
        else:
            result = response["response"]["mcp_response"]
            self.told = json.dumps(result)
            await self._end()

    async def _decided(self, response: dict[str, Any]) -> None:
        if response["subtype"] == "error":
            if self._hooks[0].get("onFailure") == "block":
                self.told = "a hook failed"
                await self._end()
                return
            output: dict[str, Any] = {}
        else:
            output = response["response"].get("hookSpecificOutput", {})
        if output.get("permissionDecision") == "deny":
            self.told = output["permissionDecisionReason"]
            await self._end()
            return
        arguments = output.get("updatedInput", {"iban": "ES1", "eur": self.eur})
        if self.changed:
            arguments = {**arguments, "eur": self.changed}
        self._call = {"name": "pay", "arguments": arguments}
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "cli", "version": "0"}}
        await self._server("greeting", {"id": 1, "method": "initialize", "params": client})

    async def _server(self, what: str, message: dict[str, Any]) -> None:
        request = {"subtype": "mcp_message", "server_name": "till", "message": {"jsonrpc": "2.0", **message}}
        await self._ask(what, request)

    async def _end(self) -> None:
        result = {"subtype": "success", "duration_ms": 1, "duration_api_ms": 1, "is_error": False, "num_turns": 1}
        await self._send({"type": "result", "session_id": "s", "result": "done", **result})

    async def _ask(self, what: str, request: dict[str, Any]) -> None:
        identity = f"{what}_{len(self._waiting)}"
        self._waiting[identity] = what
        await self._send({"type": "control_request", "request_id": identity, "request": request})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._out.send(message)

    def _success(self, identity: str, answer: dict[str, Any]) -> dict[str, Any]:
        return {"subtype": "success", "request_id": identity, "response": answer}


class Played:
    EXAMPLE = "claude_agent_options"

    def run(self, example: Any, phone: str, eur: str, changed: str | None = None) -> Ended:
        hooks_for = {"phone": phone}
        options = getattr(example, "_options", None) or example.options(hooks_for, {"till": self._server(example)})
        example._options = options  # the session of the person goes on
        transport = Pretend(eur, changed)

        async def go() -> None:
            async with ClaudeSDKClient(options, transport=transport) as client:
                await client.query("pay")
                async for _ in client.receive_response():
                    pass

        anyio.run(go)

        def resume(another: str | None) -> Ended:
            return self.run(example, phone, another or eur)

        shows = "STEP_UP" in transport.told or "REVIEW" in transport.told
        return Ended(transport.told, shown[-1].document if shows else None, resume)

    def run_tampered(self, example: Any, phone: str, eur: str) -> None:
        self.run(example, phone, eur, changed=MORE)

    def _server(self, example: Any) -> Any:
        """The tool as the shop's own server runs it: it verifies the receipt that came with the call."""

        @tool("pay", "Pay an amount in euros to an account.", {"iban": str, "eur": str, "trust_receipt": str})  # type: ignore[untyped-decorator]
        async def paying(arguments: dict[str, Any]) -> dict[str, Any]:
            receipt = arguments.pop("trust_receipt", "")
            with TrustBroker.from_environment() as broker:
                verifier = ReceiptVerifier(broker.keys, audience="acme", issuer=_url())
                verifier.verify(receipt, action=example.rule.action_of(arguments))
            with holding(receipt):
                return {"content": [{"type": "text", "text": pay(**arguments)}]}

        return create_sdk_mcp_server("till", tools=[paying])


def _url() -> str:
    return os.environ["TRUST_BROKER_URL"]
