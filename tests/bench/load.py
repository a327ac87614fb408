"""A closed-loop load generator over keep-alive connections; writes its figures as JSON.

``python -m tests.bench.load PORT CONCURRENCY SECONDS REQUEST_FILE`` repeats the raw HTTP request in the file on each of
CONCURRENCY connections, each sending the next when the last was answered.
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

_MARK = b"{n}"


class Connection(asyncio.Protocol):
    """Sends, waits for the whole answer, notes the time, sends again until told to stop."""

    def __init__(self, request: bytes, until_s: float, numbers: Iterator[int]) -> None:
        self._request = request
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
        if head.startswith(b"http/1.1 200"):
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
        # A fixed width keeps the content length right; each request is about another subject.
        marked = _MARK in self._request
        self._out.write(self._request.replace(_MARK, b"%09d" % next(self._numbers)) if marked else self._request)


async def main(port: int, concurrency: int, seconds: float, request: bytes) -> dict[str, float]:
    """Run and sum up."""
    loop = asyncio.get_running_loop()
    started_s = time.perf_counter()
    connections: list[Connection] = []
    # Numbers follow the clock, so that no run meets a subject of an earlier one in the broker's memory.
    numbers = (number % 1_000_000_000 for number in itertools.count(time.time_ns() // 100_000))
    for _ in range(concurrency):
        _, connection = await loop.create_connection(
            lambda: Connection(request, started_s + seconds, numbers),
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
    figures = uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]).read_bytes()))
    print(json.dumps(figures))  # noqa: T201 - the parent process reads it
