"""An operator that costs as little as Python allows, so that the broker is what is measured.

It speaks HTTP/1.1 with keep-alive and CAMARA's bodies, and nothing else: no authorization, no rules. The pretend
operator of the adapters is the honest one; here only speed matters.
Whether a person permits something is answered at once, whatever the delay: their yes.
``GET /bench/calls`` tells how many network API calls there were since it was last asked, ``GET /bench/delay/500``
changes the delay, ``GET /bench/ttl/0`` how long tokens live.
Run: ``python -m tests.bench.operator_double PORT DELAY_MS``.
"""

import asyncio
import json
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
MORE_BODIES = {
    b"/sim-swap/v1/retrieve-date": f'{{"latestSimChange": "{_LONG_AGO}"}}',
    b"/location-verification/v1/verify": f'{{"verificationResult": "TRUE", "lastLocationTime": "{_NOW}"}}',
    b"/number-verification/v2/verify": '{"devicePhoneNumberVerified": true}',
    b"/number-recycling/v0.1/check": '{"phoneNumberRecycled": false}',
    b"/kyc-tenure/v0.1/check-tenure": '{"tenureDateCheck": true}',
    b"/kyc-match/v0.3/match": '{"nameMatch": "true"}',
    b"/number-recycling/v0.2/check": '{"phoneNumberRecycled": false}',
    b"/kyc-tenure/v0.2/check-tenure": '{"tenureDateCheck": true}',
    b"/kyc-match/v0.4/match": '{"nameMatch": "true"}',
}
_ALL = BODIES | MORE_BODIES
CONSENT = b"/consent-info/v0.2/retrieve"


class State:
    """What is shared by all connections."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.ttl_s = 3600
        self.calls = 0

    def steer(self, path: bytes) -> str:
        """Do what a path below ``/bench`` says, and tell the calls so far."""
        _, _, what, *value = path.decode().split("/")
        if what == "delay":
            self.delay_s = float(value[0]) / 1000
        elif what == "ttl":
            self.ttl_s = int(value[0])
        calls, self.calls = self.calls, 0
        return f'{{"calls": {calls}}}'


class Operator(asyncio.Protocol):
    """One connection. Requests are taken one at a time, as HTTP clients without pipelining send them."""

    def __init__(self, state: State) -> None:
        self._state = state
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
        answer = _answer(path, head, data[end + 4 :], self._state)
        if path in _ALL:
            self._state.calls += 1
            if self._state.delay_s:
                asyncio.get_running_loop().call_later(self._state.delay_s, self._write, answer)
                return
        self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._out is not None and not self._out.is_closing():
            self._out.write(answer)


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _answer(path: bytes, head: bytes, body: bytes, state: State) -> bytes:
    text = state.steer(path) if path.startswith(b"/bench/") else _ALL.get(path)
    if path == CONSENT:
        text = _agreed(body)
    if text is None:  # the token endpoint grants whatever scope was asked for; in an assertion, it is not looked up
        scope = body.partition(b"scope=")[2].partition(b"&")[0].replace(b"+", b" ").replace(b"%3A", b":").decode()
        said = f', "scope": "{scope}"' if scope else ""
        text = f'{{"access_token": "{"t" * 650}", "token_type": "Bearer", "expires_in": {state.ttl_s}{said}}}'
    lowered = head.lower()
    at = lowered.find(b"x-correlator:")
    correlator = head[at + 13 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""
    payload = text.encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-correlator: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        correlator,
        len(payload),
        payload,
    )


def _agreed(body: bytes) -> str:
    """The person permits whatever is asked about."""
    asked = json.loads(body)
    entry = {"scopes": asked["scopes"], "purpose": asked["purpose"], "statusValidForProcessing": True}
    return json.dumps({"statusInfo": [entry]})


async def main(port: int, delay_ms: float) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    state = State(delay_ms / 1000)
    server = await loop.create_server(lambda: Operator(state), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
