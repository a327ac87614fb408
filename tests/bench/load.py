"""A closed-loop load generator over keep-alive connections; writes its figures as JSON.

``python -m tests.bench.load PORT CONCURRENCY SECONDS REQUEST_FILE [EXPECTED]`` repeats the raw HTTP request in the file
on each of CONCURRENCY connections, each sending the next when the last was answered. An answer without the text
EXPECTED counts as a failure: what was measured must be what was meant. ``{n}`` in the request becomes a number that was
never sent before, ``{m}`` one of a few in turn.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop

_MARK, _ONE_OF_A_FEW = b"{n}", b"{m}"
_FEW = 256


class Connection(asyncio.Protocol):
    """Sends, waits for the whole answer, notes the time, sends again until told to stop."""

    def __init__(self, request: bytes, expected: bytes, until_s: float, numbers: Iterator[int]) -> None:
        self._request = request
        self._expected = expected
        self._until_s = until_s
        self._numbers = numbers
        self._held = b""
        self._sent_s = 0.0
        self._out: asyncio.Transport | None = None
        self.latencies_ms: list[float] = []
        self.failures = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._held = data
            return
        head = data[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(data) < end + 4 + length:
            self._held = data
            return
        self._held = b""
        if head.startswith(b"http/1.1 200") and self._expected in data:
            self.latencies_ms.append((time.perf_counter() - self._sent_s) * 1000)
        else:
            self.failures += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.failures += error is not None
            self.done.set_result(None)

    def _send(self) -> None:
        assert self._out is not None
        self._sent_s = time.perf_counter()
        if self._sent_s >= self._until_s:
            self._out.close()
            return
        self._out.write(filled(self._request, self._numbers))


def filled(request: bytes, numbers: Iterator[int]) -> bytes:
    """The request with the next number in its place; a fixed width keeps the content length right."""
    if _MARK in request:
        return request.replace(_MARK, b"%09d" % next(numbers))
    if _ONE_OF_A_FEW in request:
        return request.replace(_ONE_OF_A_FEW, b"%09d" % (600_100_000 + next(numbers) % _FEW))
    return request


async def main(port: int, concurrency: int, seconds: float, request: bytes, expected: bytes) -> dict[str, float]:
    """Run and sum up."""
    loop = asyncio.get_running_loop()
    started_s = time.perf_counter()
    connections: list[Connection] = []
    # Numbers follow the clock, so that no run meets a subject of an earlier one in the broker's memory.
    numbers = (number % 1_000_000_000 for number in itertools.count(time.time_ns() // 100_000))
    for _ in range(concurrency):
        _, connection = await loop.create_connection(
            lambda: Connection(request, expected, started_s + seconds, numbers),
            "127.0.0.1",
            port,
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    latencies = sorted(value for connection in connections for value in connection.latencies_ms)
    elapsed_s = time.perf_counter() - started_s
    return {
        "answered": len(latencies),
        "per_s": len(latencies) / elapsed_s,
        "failures": sum(connection.failures for connection in connections),
        "p50_ms": latencies[len(latencies) // 2] if latencies else 0.0,
        "p95_ms": latencies[int(len(latencies) * 0.95)] if latencies else 0.0,
        "p99_ms": latencies[int(len(latencies) * 0.99)] if latencies else 0.0,
    }


if __name__ == "__main__":
    port, concurrency, seconds, file, expected = [*sys.argv[1:], ""][:5]
    wanted = (int(port), int(concurrency), float(seconds), Path(file).read_bytes(), expected.encode())
    figures = uvloop.run(main(*wanted))
    print(json.dumps(figures))  # noqa: T201 - the parent process reads it
