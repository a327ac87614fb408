"""Load that does not wait for answers: a steady rate, or a herd that comes at once. Writes its figures as JSON.

``python -m tests.bench.bursts PORT RATE SECONDS REQUEST_FILE`` sends RATE requests a second, each when it is due
whatever has become of the others; latency counts from when it was due. A RATE of 0 opens SECONDS connections first and
then sends on all of them together.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

_MARK = b"{n}"


class Load:
    """Connections that are used again, and what came of the requests on them."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        # Numbers follow the clock, so that no run meets a subject of an earlier one in the broker's memory.
        self._numbers: Iterator[int] = itertools.count(time.time_ns() // 100_000)
        self.latencies_ms: list[float] = []
        self.failures = 0

    async def open(self, count: int) -> None:
        """Have so many connections ready."""
        for _ in range(count):
            self._idle.append(await asyncio.open_connection("127.0.0.1", self._port))

    async def send(self, due_s: float) -> None:
        """One request, and its answer to the end."""
        pair = await self._connection()
        reader, writer = pair
        number = b"%09d" % (next(self._numbers) % 1_000_000_000)
        writer.write(self._request.replace(_MARK, number))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.find(b"content-length:")
        await reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
        self._idle.append(pair)
        if head.startswith(b"http/1.1 200"):
            self.latencies_ms.append((time.perf_counter() - due_s) * 1000)
        else:
            self.failures += 1

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One that the server has not closed for having been idle."""
        while self._idle:
            pair = self._idle.pop()
            if not pair[0].at_eof():
                return pair
            pair[1].close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Close what is idle, which is all there is in the end."""
        for _, writer in self._idle:
            writer.close()


async def main(port: int, rate: float, seconds: float, request: bytes) -> dict[str, float]:
    """Run and sum up."""
    load = Load(port, request)
    count = int(rate * seconds) if rate else int(seconds)
    await load.open(8 if rate else count)
    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due_s = started_s + (number / rate if rate else 0.0)
            if (early_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            group.create_task(load.send(due_s))
    elapsed_s = time.perf_counter() - started_s
    load.close()
    latencies = sorted(load.latencies_ms)
    return {
        "answered": len(latencies),
        "per_s": len(latencies) / elapsed_s,
        "failures": load.failures,
        **{f"p{share}_ms": latencies[len(latencies) * share // 100] if latencies else 0.0 for share in (50, 95, 99)},
    }


if __name__ == "__main__":
    figures = uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]).read_bytes()))
    print(json.dumps(figures))  # noqa: T201 - the parent process reads it
