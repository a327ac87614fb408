"""``trust-broker adapter``: new, list, key, verify."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from broker.clock import SystemClock
from broker.domain.phone import PhoneNumber
from broker.surfaces.cli.output import AsJson, at_work, tell
from broker.surfaces.cli.ports import OpenDeployment

_WIDTH = 160
Name = Annotated[str, typer.Argument(help="The adapter's name")]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    @group.command("new")
    def new(
        name: Name,
        folder: Annotated[Path | None, typer.Option(help="Where to write it; ./trust-broker-NAME by default")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Write a package for a new adapter, ready to install and to verify."""
        from broker.usecases.operators.manage_adapters import start

        written = [str(path) for path in start(name, folder or Path(f"trust-broker-{name}"))]
        tell(written, written, as_json=as_json)

    @group.command("list")
    def list_adapters(as_json: AsJson = False) -> None:
        """List the adapters that are installed, and what each can be asked."""
        from broker.usecases.operators.manage_adapters import installed

        if as_json:
            tell(installed(), (), as_json=True)
            return
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("adapter", "operator", "asked today", "declared only"):
            table.add_column(column)
        for one in installed():
            table.add_row(one.name, one.title, "\n".join(one.asked_today) or "-", "\n".join(one.declared_only) or "-")
        console = Console()
        if not console.is_terminal:
            console.width = _WIDTH
        console.print(table)

    @group.command("key")
    def key(
        name: Name,
        file: Annotated[Path, typer.Argument(help="Where our private key is, or shall be; client_key names it")],
    ) -> None:
        """Print the public half of our key as a JWK set, to hand in at onboarding; make a key where there is none."""
        from broker.usecases.operators.manage_adapters import client_keys

        tell(client_keys(name, file), (), as_json=True)

    @group.command("verify")
    def verify(
        name: Name,
        live: Annotated[bool, typer.Option("--live", help="Ask the real operators of this deployment too")] = False,
        phone: Annotated[str | None, typer.Option(help="With --live: a number that you may ask about")] = None,
        purpose: Annotated[str, typer.Option(help="With --live: why, a W3C DPV term")] = "FraudPreventionAndDetection",
        as_json: AsJson = False,
        config: Annotated[Path | None, typer.Option("--config", help="With --live: configuration folder")] = None,
    ) -> None:
        """Run the acceptance suite over an adapter. Exit code 1 if a check fails."""
        if live and phone is None:
            raise typer.BadParameter("--live needs --phone, a number that you may ask about")
        folder = open_deployment(config).folder / "operators" if live else None
        trial = _verify(name, folder, phone or "", purpose, as_json=as_json)
        passed, text = at_work(trial, f"trying {name}")
        typer.echo(text)
        raise typer.Exit(0 if passed else 1)

    return group


async def _verify(name: str, operators: Path | None, phone: str, purpose: str, *, as_json: bool) -> tuple[bool, str]:
    from broker.usecases.operators.manage_adapters import LiveTrial, put_on_live_trial, put_on_trial

    report = await put_on_trial(name)
    if operators is not None:
        trial = LiveTrial(operators, _number(phone), purpose, SystemClock())
        live = await put_on_live_trial(name, trial)
        report = msgspec.structs.replace(report, results=(*report.results, *live))
    return report.passed, report.json().decode("utf-8") if as_json else report.text()


def _number(text: str) -> PhoneNumber:
    try:
        return PhoneNumber.parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"--phone is {error}") from error
