"""``make bench``, surfaces: what MCP costs beside REST, and the CAMARA facade beside the operator itself."""

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.__main__ import ROUNDS, SLOW_MS, Bench, Program, body, load, machine, measure, wait
from tests.bench.report import Cell, Figures, Target, cell_table, target_table, write_section

_METHOD = """## Surfaces

Measured as the first part. {rounds} rounds.

- *REST*: a check about one of 256 people, whose evidence is remembered: the cheapest check, so that what is around it
  shows. *MCP*: the same as a call of the tool `check_trust`, in the older handshake without a session.
- *direct*: one sim-swap call to an operator that takes 50 ms. *facade*: the same through `/camara`, routed, permitted,
  guarded, and recorded before and after.

{date:%Y-%m-%d}, {machine}.
"""


def run(folder: Path) -> None:
    """Measure in turn and write the section."""
    bench = Bench(folder)
    try:
        cells: dict[tuple[str, int], list[Figures]] = {}
        plan = _plan(bench, folder)
        for program in plan.values():
            load(program, 8)
        for _ in range(ROUNDS):
            for name, program in plan.items():
                for concurrency in (1, 32) if name in {"REST", "MCP"} else (1,):
                    figures = measure(program, concurrency)
                    cells.setdefault((name, concurrency), []).append(figures)
                    print(f"{name} c{concurrency}: {figures.per_s:.0f}/s p50 {figures.p50_ms:.2f} ms")  # noqa: T201
        _write([Cell(name, at, taken) for (name, at), taken in cells.items()])
    finally:
        bench.close()


def _plan(bench: Bench, folder: Path) -> dict[str, Program]:
    operator = bench.operators(SLOW_MS)
    broker = bench.broker("surfaces", operator, body("+34{n}"))
    wait(broker)
    remembered = body("+34{m}")
    key = bench.key_of(broker)
    config = str(folder / "surfaces" / "config")
    backend = bench._key(config, "network:read")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    question = {**asked, "params": {"name": "check_trust", "arguments": json.loads(remembered)}}
    swap = b'{"phoneNumber":"+34{m}"}'
    return {
        "REST": broker._replace(name="REST", request=_request(folder, broker, "/v1/trust-checks", remembered, key)),
        "MCP": broker._replace(
            name="MCP",
            request=_request(folder, broker, "/mcp", json.dumps(question).encode(), key),
            expected="decision",
        ),
        "direct": Program("direct", operator, broker.process, bench.to_operator(operator)),
        "facade": broker._replace(
            name="facade",
            request=_request(folder, broker, "/camara/sim-swap/v2/retrieve-date", swap, backend),
            expected="latestSimChange",
        ),
    }


def _request(folder: Path, broker: Program, path: str, content: bytes, key: str) -> Path:
    length = len(content.replace(b"{m}", b"0" * 9))
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{broker.port}\r\nauthorization: Bearer {key}\r\n"
        "content-type: application/json\r\n"
        "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n"
        f"content-length: {length}\r\n\r\n"
    )
    file = folder / f"{path.strip('/').replace('/', '-')}.request"
    file.write_bytes(head.encode() + content)
    return file


def _write(cells: list[Cell]) -> None:
    def median(name: str, concurrency: int = 1) -> float:
        cell = next(cell for cell in cells if (cell.name, cell.concurrency) == (name, concurrency))
        return cell.median(lambda figures: figures.p50_ms)

    targets = [
        Target("MCP / REST, median at 1", median("MCP") / median("REST"), 2, at_most=True),
        Target("MCP / REST, median at 32", median("MCP", 32) / median("REST", 32), 2, at_most=True),
        Target("facade - direct, median at 1, ms", median("facade") - median("direct"), 3, at_most=True),
    ]
    head = _METHOD.format(rounds=ROUNDS, date=datetime.now(UTC), machine=machine())
    tables = (target_table(targets, "###"), cell_table(cells, "###"))
    write_section(head, *tables)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with tempfile.TemporaryDirectory() as temporary:
        run(Path(temporary))
