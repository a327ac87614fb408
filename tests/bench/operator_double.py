"""An operator that costs as little as Python allows, so that the broker is what is measured.

It speaks HTTP/1.1 with keep-alive and CAMARA's bodies, and nothing else: no authorization, no rules. The pretend
operator of the adapters is the honest one; here only speed matters.
Run: ``python -m tests.bench.operator_double PORT DELAY_MS``.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import cast

import uvloop

_LONG_AGO = (datetime.now(UTC) - timedelta(days=400)).isoformat().replace("+00:00", "Z")
_NOW = datetime.now(UTC).isoformat().replace("+00:00", "Z")
BODIES = {
    b"/sim-swap/v2/retrieve-date": f'{{"latestSimChange": "{_LONG_AGO}", "monitoredPeriod": 400}}',
    b"/device-swap/v1/retrieve-date": f'{{"latestDeviceChange": "{_LONG_AGO}", "monitoredPeriod": 400}}',
    b"/call-forwarding-signal/v0.4/unconditional-call-forwardings": '{"active": false}',
    b"/location-verification/v3/verify": f'{{"verificationResult": "TRUE", "lastLocationTime": "{_NOW}"}}',
}


class Operator(asyncio.Protocol):
    """One connection. Requests are taken one at a time, as HTTP clients without pipelining send them."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._held = b""
        self._out: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + _content_length(data[:end]):
            self._held = data
            return
        self._held = b""
        head = data[:end]
        path = head.split(b" ", 2)[1]
        answer = _answer(path, head, data[end + 4 :])
        if self._delay_s and path in BODIES:
            asyncio.get_running_loop().call_later(self._delay_s, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._out is not None and not self._out.is_closing():
            self._out.write(answer)


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _answer(path: bytes, head: bytes, body: bytes) -> bytes:
    text = BODIES.get(path)
    if text is None:  # the token endpoint grants whatever scope was asked for
        scope = body.partition(b"scope=")[2].partition(b"&")[0].replace(b"+", b" ").replace(b"%3A", b":").decode()
        text = f'{{"access_token": "{"t" * 650}", "token_type": "Bearer", "expires_in": 3600, "scope": "{scope}"}}'
    lowered = head.lower()
    at = lowered.find(b"x-correlator:")
    correlator = head[at + 13 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""
    payload = text.encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-correlator: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        correlator,
        len(payload),
        payload,
    )


async def main(port: int, delay_ms: float) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Operator(delay_ms / 1000), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
