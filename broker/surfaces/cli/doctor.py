"""``trust-broker doctor``: what is wrong with this set-up, and what to do about it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from broker.errors import BrokerError
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.findings import Finding, State, worst

_EXIT = {State.WELL: 0, State.DOUBTFUL: 0, State.WRONG: 1}
_STYLE = {State.WELL: "green", State.DOUBTFUL: "yellow", State.WRONG: "red"}


def create(open_deployment: OpenDeployment) -> Callable[..., None]:
    """The command over a way to open deployments."""

    def doctor(
        config: Annotated[Path | None, typer.Option("--config", help="Configuration folder")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="The findings for machines")] = False,
    ) -> None:
        """Look the set-up over without starting it. Exit 1 where something is wrong, 0 where it may run."""
        findings = _examine(open_deployment, config)
        if as_json:
            typer.echo(json.dumps([msgspec.to_builtins(one) for one in findings], indent=2))
        else:
            _show(findings)
        raise typer.Exit(_EXIT[worst(findings)])

    return doctor


def _examine(open_deployment: OpenDeployment, config: Path | None) -> tuple[Finding, ...]:
    try:
        deployment = open_deployment(config)
    except BrokerError as error:
        seen, _, fix = str(error).partition("; ")
        return (Finding("settings", State.WRONG, seen, fix or "see config/broker.toml for what can be set"),)
    console = Console(stderr=True)
    with console.status("settings") as status:
        return asyncio.run(deployment.examine(status.update))


def _show(findings: tuple[Finding, ...]) -> None:
    table = Table(box=None, show_header=False)
    for one in findings:
        state = f"[{_STYLE[one.state]}]{one.state}[/]"
        table.add_row(state, one.about, one.seen + (f"\n→ {one.do}" if one.do else ""))
    Console().print(table)
