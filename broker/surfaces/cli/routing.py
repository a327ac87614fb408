"""``trust-broker routing``: build, show."""

from pathlib import Path
from typing import Annotated

import typer

from broker.domain.phone import PhoneNumber
from broker.surfaces.cli.output import AsJson, busy, tell
from broker.surfaces.cli.ports import OpenDeployment

Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    @group.command("build")
    def build(config: Config = None, as_json: AsJson = False) -> None:
        """Write routing/ranges.tsv anew from the installed libphonenumber."""
        from broker.usecases.operators.manage_routing import build as write

        path = open_deployment(config).folder / "routing" / "ranges.tsv"
        with busy("reading libphonenumber"):
            prefixes = write(path)
        tell({"file": str(path), "prefixes": prefixes}, [f"{path}: {prefixes} prefixes"], as_json=as_json)

    @group.command("show")
    def show(
        number: Annotated[str, typer.Argument(help="E.164, with +")], config: Config = None, as_json: AsJson = False
    ) -> None:
        """Show where the tables lead for a number. No finder and no operator is asked."""
        from broker.usecases.operators.manage_routing import show as look

        try:
            phone = PhoneNumber.parse(number)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        folder = open_deployment(config).folder
        route, movable = look(folder, phone)
        lines = (
            f"country  {route.country or '-'}, numbers {'may move' if movable else 'stay'}",
            f"network  {route.network or '-'} (by {route.by})",
            f"sources  {', '.join(route.sources) or route.code}",
        )
        tell({"route": route, "movable": movable}, lines, as_json=as_json)

    return group
