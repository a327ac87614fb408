"""From figures to RESULTS.md: the first part writes it anew, each other part puts its own section into it.

What people write stands below :data:`REMARKS` and is kept. Everything else comes from a run, and the first part takes
out what all others have measured: no table is older than the figures that it is compared with.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parent / "RESULTS.md"
REMARKS = "## Where the time goes"
SECTIONS = (
    "## Who calls",
    "## Several operators, cold tokens, herds, brown-outs",
    "## The transparency log",
    "## Thinking",
    "## Proving more",
    "## Surfaces",
)
"""The other parts, in their order; the first line of what each writes."""
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)

_METHOD = """# Benchmarks

Repeat with `make bench` (`BENCH_ROUNDS`, `BENCH_SECONDS` change its length). One run, every cell in turn, {rounds}
rounds; medians with [least, most]. The program under test is pinned to one processor, operators and load to another;
all programs run throughout, so that every round sees the same machine. Trust the ratios; the figures belong to one
machine.

- *full*: the broker as shipped: key, policy, looking back, four signals over HTTP with tokens, score, decision, SQLite
  record with `synchronous=FULL` (an intent before the calls, the check after them), signed receipt. Each check is about
  another number, so the operator is also asked whether that person lets their place be compared: five calls.
- *cached*: the same about 256 numbers in turn, with evidence from memory: no operator call, no intent; looked back,
  recorded, signed.
- *one subject*: the same about one number all the time. What was allowed lately counts (amounts add up, after 500 in
  a day the class is critical), so this is another decision; its cost shows that a flood about one person has a maximum.
- *bare*: the same server (uvicorn), HTTP client and operators; makes the same five calls and merges the answers.
- *naive*: the broker over httpx's own connection pool (`[http] client = "httpx"`).
- *hello*: Litestar answering a constant. *direct*: the load generator calling one operator, nothing between.
- Operators are a double that answers CAMARA bodies at once, or after 50 ms where it says so. Consent it tells at once
  in any case, for what is to be seen is the broker: where consent is kept at the operator, the first question about
  somebody in five seconds waits for one answer more.

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
    """Write the file anew, with what people wrote and without what other parts measured before."""
    kept = next((each for each in _sections() if each.startswith(REMARKS)), f"{REMARKS}\n")
    rounds = len(cells[0].rounds)
    head = _METHOD.format(rounds=rounds, date=datetime.now(UTC), machine=machine)
    targets = _targets(cells, at_rest_mb)
    text = "\n".join((head, target_table(targets), cell_table(cells), _memory(at_rest_mb, after_mb)))
    TARGET.write_text(f"{text}\n{kept.rstrip()}\n", "utf-8")


def write_section(*parts: str) -> None:
    """Put the section of one part, which begins with its heading, in the place of the one before."""
    text = "\n".join(parts).strip() + "\n"
    heading = text.partition("\n")[0]
    found = {each.partition("\n")[0]: each for each in _sections()} | {heading: text}
    others = [each.strip() + "\n" for name, each in found.items() if name not in SECTIONS]
    measured = [found[name].strip() + "\n" for name in SECTIONS if name in found]
    TARGET.write_text("\n".join((*others, *measured)), "utf-8")


def cpu_us(program: str, concurrency: int = 32) -> float:
    """What one check of a program of the first part took of the processor, in microseconds."""
    row = rf"^\| {re.escape(program)} \| {concurrency} \|[^|]*\| ([0-9,]+) \|"
    found = re.search(row, TARGET.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"RESULTS.md has no figure of {program}: run the first part of make bench")
    return float(found[1].replace(",", ""))


def _sections() -> list[str]:
    return _SECTION.split(TARGET.read_text("utf-8")) if TARGET.exists() else []


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
    """Not measured of what the load does by itself, nor beside other load on the same program."""
    spent_us = cell.median(lambda f: f.cpu_us)
    return f"{spent_us:,.0f}" if spent_us and not cell.name.startswith("direct") else "-"


def _memory(at_rest_mb: float, after_mb: float) -> str:
    return f"Resident memory of the broker: {at_rest_mb:.0f} MB at rest, {after_mb:.0f} MB after the run.\n"
