"""The yardstick: the same server, HTTP client and operators, and nothing of what the broker adds.

A raw ASGI program on uvicorn that makes the same calls over the same transport and merges the answers, the place after
the person's consent to it as the broker does: no authentication, no validation, no score, no record, no receipt.
Run: ``python -m tests.bench.bare PORT OPERATOR_PORT``.
"""

import asyncio
import json
import sys
import uuid
from typing import Any

import uvicorn

from broker.adapter_kit.transport import Transport, TransportLimits, WireRequest, open_transport
from tests.bench.operator_double import BODIES, CONSENT

_TIMEOUT_S = 5.0
_RESTS_ON_CONSENT = b"/location-verification/"
_SCOPE, _PURPOSE = "location-verification:verify", "dpv:FraudPreventionAndDetection"


class Bare:
    """One ASGI application; its transport is opened on the first request, when the loop runs."""

    def __init__(self, operator_port: int) -> None:
        self._root = f"http://127.0.0.1:{operator_port}"
        self._transport: Transport | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = json.dumps(await self._merge(json.loads(body) if body else {})).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _merge(self, question: dict[str, Any]) -> dict[str, Any]:
        phone = question.get("subject", {}).get("phoneNumber", "")
        correlator = str(uuid.uuid4()).encode()
        answers = await asyncio.gather(*(self._asked(path, phone, correlator) for path in BODIES))
        return {path.decode(): answer for path, answer in zip(BODIES, answers, strict=True)}

    async def _asked(self, path: bytes, phone: str, correlator: bytes) -> Any:
        if path.startswith(_RESTS_ON_CONSENT):
            await self._call(CONSENT, {"phoneNumber": phone, "scopes": [_SCOPE], "purpose": _PURPOSE}, correlator)
        return await self._call(path, {"phoneNumber": phone}, correlator)

    async def _call(self, path: bytes, question: dict[str, Any], correlator: bytes) -> Any:
        if self._transport is None:
            self._transport = open_transport("aiohttp", TransportLimits(connections_max=256))
        headers = (
            (b"authorization", b"Bearer " + b"t" * 650),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"x-correlator", correlator),
        )
        body = json.dumps(question).encode()
        request = WireRequest("POST", self._root + path.decode(), headers, body)
        return json.loads((await self._transport.send(request, timeout_s=_TIMEOUT_S)).body)


if __name__ == "__main__":
    app = Bare(int(sys.argv[2]))
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_config=None, access_log=False)
