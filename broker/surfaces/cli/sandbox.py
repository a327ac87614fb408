"""``trust-broker sandbox``: what there is to play with."""

from pathlib import Path
from typing import Annotated

import typer

from broker.surfaces.cli.output import AsJson, tell
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.operators.magic_numbers import numbers_in

Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    @group.callback()
    def _group() -> None:
        """Keeps ``numbers`` a command of its own while it is the only one."""

    @group.command("numbers")
    def numbers(config: Config = None, as_json: AsJson = False) -> None:
        """List the magic numbers, and what is true about each."""
        found = numbers_in(open_deployment(config).folder)
        lines = [f"{one.phone_number}  {one.summary}" for one in found.numbers]
        none = ["no operator in config/operators has sandbox = true"]
        tell(found, lines or none, as_json=as_json)

    return group
