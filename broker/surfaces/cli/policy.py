"""``trust-broker policy``: look at documents where they are written; the rest of the group asks a running broker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from broker.errors import Misconfigured
from broker.surfaces.cli import govern
from broker.surfaces.cli.output import busy
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.policy.examine_policy import DifferenceView, Examination, difference, examine

Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
_COLOURS: Mapping[str, str] = {"looser": "red", "unclear": "yellow", "stricter": "green", "neutral": "default"}
_EXIT_INVALID = 1


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    @group.command("validate")
    def validate(
        files: Annotated[list[Path], typer.Argument(help="Policy documents")],
        as_json: AsJson = False,
        config: Config = None,
    ) -> None:
        """Say what is wrong with documents, line by line. Exit 0 when nothing is, else 1."""
        rulebook = open_deployment(config).rulebook()
        with busy("trying the worked examples"):
            found = {str(path): examine(rulebook, text_of(path), str(path)) for path in files}
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode("utf-8"))
        else:
            for path, examination in found.items():
                _tell(path, examination)
        raise typer.Exit(0 if all(one.valid for one in found.values()) else _EXIT_INVALID)

    @group.command("diff")
    def diff(
        old: Annotated[Path, typer.Argument(help="The document in force")],
        new: Annotated[Path, typer.Argument(help="The document that would take its place")],
        as_json: AsJson = False,
        config: Config = None,
    ) -> None:
        """Say what would change, and whether it is looser. Both documents must be valid."""
        rulebook = open_deployment(config).rulebook()
        documents = [rulebook.read(text_of(path), str(path)) for path in (old, new)]
        with busy("trying both on a grid of evidence"):
            found = difference(rulebook, *documents)
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode("utf-8"))
        else:
            tell_difference(found)

    govern.add_to(group)
    return group


def text_of(path: Path) -> str:
    """The text of a document.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error


def tell_difference(found: DifferenceView) -> None:
    """A difference for people."""
    table = Table(box=None, show_header=False)
    for change in found.changes:
        colour = _COLOURS[change.direction]
        table.add_row(f"[{colour}]{change.direction}[/{colour}]", change.where, change.detail)
    console = Console()
    console.print(table)
    second = "; needs a second person" if found.needs_second_person else ""
    console.print(f"all in all: [bold]{found.direction}[/bold]{second}")


def _tell(path: str, examination: Examination) -> None:
    if examination.valid:
        typer.echo(f"{path}: {examination.id} version {examination.version}, {examination.examples} examples hold")
    for fault in examination.faults:
        typer.echo(f"{path}:{fault.line}: {fault.pointer or '/'}: {fault.detail}")
