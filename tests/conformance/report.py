"""What a suite found, and the table of all of them."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Row(NamedTuple):
    """One subject under one suite. ``excused`` fails for a written reason; ``failed`` names what must not fail."""

    suite: str
    subject: str
    passed: int
    excused: int
    failed: tuple[str, ...] = ()


def show(rows: Sequence[Row]) -> None:
    """Print the table, and beneath it what failed."""
    table = Table(title="Conformance")
    for heading in ("suite", "subject", "passed", "excused", "failed"):
        table.add_column(heading, justify="left" if heading in {"suite", "subject"} else "right")
    for row in rows:
        table.add_row(row.suite, row.subject, str(row.passed), str(row.excused), str(len(row.failed)))
    console = Console()
    console.print(table)
    for row in rows:
        for name in row.failed:
            console.print(f"failed: {row.suite} / {row.subject}: {name}", markup=False)
