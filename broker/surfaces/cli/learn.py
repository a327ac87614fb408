"""``trust-broker learn``: what recorded checks and their outcomes say."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from broker.figures import Rate
from broker.surfaces.cli.output import at_work
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.learning.learn import Lessons, as_json

_WIDTH = 160
_EXIT_DRIFT = 3


def create(open_deployment: OpenDeployment) -> Callable[..., None]:
    """The command over a way to open deployments."""

    def learn(
        tenant: Annotated[str, typer.Option(help="Whose checks")],
        days: Annotated[int, typer.Option(min=2, max=400, help="How far back")] = 28,
        recent_days: Annotated[int, typer.Option(min=1, help="The days that are compared with those before")] = 7,
        as_json_: Annotated[bool, typer.Option("--json", help="Print every figure for machines")] = False,
        config: Annotated[Path | None, typer.Option("--config", help="Configuration folder")] = None,
    ) -> None:
        """Say what each operator's signals are worth and what has changed. Exit code 3 where something has."""
        if recent_days >= days:
            raise typer.BadParameter("--recent-days must be fewer than --days")
        work = _learn(open_deployment, config, tenant, days, recent_days)
        lessons = at_work(work, "reading what checks were recorded")
        if as_json_:
            typer.echo(as_json(lessons).decode("utf-8"))
        else:
            _show(lessons)
        raise typer.Exit(_EXIT_DRIFT if lessons.drift else 0)

    return learn


async def _learn(
    open_deployment: OpenDeployment, config: Path | None, tenant: str, days: int, recent_days: int
) -> Lessons:
    async with open_deployment(config).learner() as learn:
        return await learn(tenant, days=days, recent_days=recent_days)


def _show(lessons: Lessons) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    told = ", ".join(f"{count} {name}" for name, count in lessons.outcomes.items())
    gone = f"; {lessons.erased} more were erased" if lessons.erased else ""
    console.print(f"{lessons.checks} checks since {lessons.since:%Y-%m-%d}: {told}{gone}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("operator", "signal", "asked", "answered", "p50 ms", "p95 ms", "cost", "precision", "recall"):
        table.add_column(column, justify="left" if column in {"operator", "signal"} else "right")
    for one in lessons.sources:
        table.add_row(
            one.operator,
            one.signal.value,
            str(one.asked),
            _rate(one.coverage),
            _number(one.latency_p50_ms),
            _number(one.latency_p95_ms),
            ", ".join(f"{amount} {currency}" for currency, amount in one.cost.items()) or "-",
            _rate(one.precision),
            _rate(one.recall),
        )
    console.print(table)
    for name, figures in lessons.classes.items():
        ratio = figures.observed_over_expected
        console.print(
            f"{name}: {figures.fraud} fraud of {figures.labelled} known; observed / expected {ratio.value:.2f} "
            f"({ratio.low:.2f} to {ratio.high:.2f})",
            highlight=False,
        )
    if told_of_rivals := _rivals(lessons):
        console.print(told_of_rivals, highlight=False)
    if lessons.calibration:
        console.print("These maps count once a policy says so, in a new version:", highlight=False)
        console.print(lessons.calibration, markup=False, highlight=False, soft_wrap=True)
    for drift in lessons.drift:
        console.print(f"[red]{drift.kind.value}[/red] {drift.operator} {drift.signal.value} ({drift.measure:.3g})")


def _rivals(lessons: Lessons) -> str:
    rivals = lessons.rivals
    if rivals is None:
        return ""
    told = f"scorecard against mixture: log-loss {rivals.champion_loss:.4f} and {rivals.challenger_loss:.4f}"
    if rivals.interval is not None:
        told += f", the mixture gains {rivals.gain:.4f} ({rivals.interval.low:.4f} to {rivals.interval.high:.4f})"
    verdict = "nobody is better yet" if rivals.better is None else f"the {rivals.better} is better"
    return f"{told}; {verdict}, on {rivals.fraud} fraud of {rivals.checks}"


def _rate(rate: Rate) -> str:
    return f"{rate.value:.0%} of {rate.seen}" if rate.seen else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
