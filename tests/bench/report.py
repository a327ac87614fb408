"""From figures to RESULTS.md."""

import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parent / "RESULTS.md"

_METHOD = """# Benchmarks

Repeat with `make bench` (`BENCH_ROUNDS`, `BENCH_SECONDS` change its length). One run, every cell in turn, {rounds}
rounds; medians with [least, most]. The program under test is pinned to one processor, operators and load to another;
all programs run throughout, so that every round sees the same machine. Trust the ratios; the figures belong to one
machine.

- *full*: the broker as shipped: key, policy, four operator calls over HTTP with tokens, score, decision, SQLite record
  with `synchronous=FULL` (an intent before the calls, the check after them), signed receipt. Each check is about
  another number.
- *cached*: the same about 256 numbers in turn, with evidence from memory: no operator call, no intent; looked back,
  recorded, signed.
- *one subject*: the same about one number all the time. What was allowed lately counts (amounts add up, after 500 in
  a day the class is critical), so this is another decision; its cost shows that a flood about one person has a maximum.
- *bare*: the same server (uvicorn), HTTP client and operators; fans the same four calls out and merges the answers.
- *naive*: the broker over httpx's own connection pool (`[http] client = "httpx"`).
- *hello*: Litestar answering a constant. *direct*: the load generator calling one operator, nothing between.
- Operators are a double that answers CAMARA bodies at once, or after 50 ms where it says so.

{date:%Y-%m-%d}, {machine}.
"""


class Figures(NamedTuple):
    """One cell of one round. ``cpu_us`` is processor time of the program under test for each request."""

    answered: int
    per_s: float
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float = 0.0


class Cell(NamedTuple):
    """All rounds of one cell."""

    name: str
    concurrency: int
    rounds: Sequence[Figures]

    def median(self, of: Callable[[Figures], float]) -> float:
        return statistics.median(of(figures) for figures in self.rounds)

    def spread(self, of: Callable[[Figures], float]) -> str:
        values = [of(figures) for figures in self.rounds]
        return f"[{min(values):,.4g}, {max(values):,.4g}]"


class Target(NamedTuple):
    """A ratio or difference that was promised."""

    name: str
    value: float
    floor: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.floor if self.at_most else self.value >= self.floor


def write(cells: Sequence[Cell], at_rest_mb: float, after_mb: float, machine: str) -> None:
    """Write the file; the section of remarks below the marker is people's and is kept."""
    marker = "## Where the time goes"
    kept = TARGET.read_text("utf-8").partition(marker)[2] if TARGET.exists() else "\n"
    rounds = len(cells[0].rounds)
    head = _METHOD.format(rounds=rounds, date=datetime.now(UTC), machine=machine)
    targets = _targets(cells, at_rest_mb)
    text = "\n".join((head, target_table(targets), cell_table(cells), _memory(at_rest_mb, after_mb)))
    TARGET.write_text(f"{text}\n{marker}{kept}", "utf-8")


def _targets(cells: Sequence[Cell], at_rest_mb: float) -> list[Target]:
    def of(name: str, concurrency: int) -> Cell:
        return next(cell for cell in cells if (cell.name, cell.concurrency) == (name, concurrency))

    def per_s(name: str, concurrency: int = 32) -> float:
        return of(name, concurrency).median(lambda figures: figures.per_s)

    def p50_ms(name: str) -> float:
        return of(name, 1).median(lambda figures: figures.p50_ms)

    slow = "operators at 50 ms"
    added_ms = p50_ms(f"full, {slow}") - p50_ms(f"direct, {slow}")
    return [
        Target("full / bare, throughput at 32", per_s("full") / per_s("bare"), 0.5),
        Target("full / naive, throughput at 32", per_s("full") / per_s("naive"), 8.0),
        Target("cached / full, throughput at 32", per_s("cached") / per_s("full"), 2.0),
        Target(f"full - direct, median at 1, {slow}, ms", added_ms, 4.0, at_most=True),
        Target("resident memory at rest, MB", at_rest_mb, 150.0, at_most=True),
    ]


def target_table(targets: Sequence[Target], level: str = "##") -> str:
    """The promises, as a table."""
    rows = ["| target | reached | floor | met |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {target.name} | {target.value:.2f} | {'at most' if target.at_most else 'at least'} {target.floor:g} "
        f"| {'yes' if target.met else 'NO'} |"
        for target in targets
    ]
    return f"{level} Targets\n\n" + "\n".join(rows) + "\n"


def cell_table(cells: Sequence[Cell], level: str = "##") -> str:
    """The cells, as a table."""
    rows = [
        "| program | concurrent | checks/s | CPU µs/check | p50 ms | p95 ms | p99 ms | failed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {cell.name} | {cell.concurrency} "
        f"| {cell.median(lambda f: f.per_s):,.0f} {cell.spread(lambda f: f.per_s)} "
        f"| {_cpu(cell)} "
        f"| {cell.median(lambda f: f.p50_ms):.2f} | {cell.median(lambda f: f.p95_ms):.2f} "
        f"| {cell.median(lambda f: f.p99_ms):.2f} | {sum(f.failures for f in cell.rounds)} |"
        for cell in cells
    ]
    return f"{level} Cells\n\n" + "\n".join(rows) + "\n"


def _cpu(cell: Cell) -> str:
    return "-" if cell.name.startswith("direct") else f"{cell.median(lambda f: f.cpu_us):,.0f}"


def _memory(at_rest_mb: float, after_mb: float) -> str:
    return f"Resident memory of the broker: {at_rest_mb:.0f} MB at rest, {after_mb:.0f} MB after the run.\n"
