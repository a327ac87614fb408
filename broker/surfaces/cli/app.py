"""All commands in one place; each does its work in a module of its own, imported when it is called."""

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from broker import __version__
from broker.errors import BrokerError
from broker.surfaces.cli import (
    adapter,
    audit,
    check,
    clients,
    consent,
    doctor,
    keys,
    learn,
    meter,
    policy,
    privacy,
    receipt,
    review,
    routing,
    simulate,
    tenants,
)
from broker.surfaces.cli.ports import OpenDeployment

PLUGINS = "broker.commands"
_EXIT_FAULT = 1

Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration folder; ./config, else the one shipped, by default")
]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The command line over a way to open deployments."""
    cli = typer.Typer(
        name="trust-broker",
        help="May this agent do this, for this phone number, now?",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )

    @cli.callback(invoke_without_command=True)
    def root(version: Annotated[bool, typer.Option("--version", help="Print the version and end")] = False) -> None:
        if version:
            typer.echo(__version__)
            raise typer.Exit

    @cli.command()
    def serve(
        config: Config = None,
        host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen on")] = None,
        workers: Annotated[int, typer.Option(min=1, max=256, help="Processes behind the port, one for each core")] = 1,
        fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    ) -> None:
        """Run the broker: REST, MCP and the documentation page."""
        from broker.surfaces.cli.serve import run  # loads the web framework

        raise typer.Exit(run(open_deployment(config), host=host, port=port, workers=workers, fd=fd))

    @cli.command()
    def demo(
        once: Annotated[bool, typer.Option("--once", help="End after the table")] = False,
        folder: Annotated[Path, typer.Option(help="Where the demo keeps its files")] = Path(".demo"),
    ) -> None:
        """Two pretend operators, the broker, and an agent that asks."""
        from broker.surfaces.cli.demo import run  # loads the web framework

        raise typer.Exit(run(folder, open_deployment, once=once))

    @cli.command()
    def openapi(
        write: Annotated[bool, typer.Option("--write", help="Write openapi/broker.v1.yaml and mcp-tools.json")] = False,
    ) -> None:
        """Print the published contract, generated from the code."""
        from broker.surfaces.cli.openapi import run  # loads the web framework

        run(write=write)

    cli.command("check")(check.check)
    cli.command("doctor")(doctor.create(open_deployment))
    cli.command("outcome")(check.outcome)
    cli.command("meter")(meter.create(open_deployment))
    cli.command("learn")(learn.create(open_deployment))
    cli.command("simulate")(simulate.create(open_deployment))
    cli.add_typer(adapter.create(open_deployment), name="adapter", help="Adapters for operators")
    cli.add_typer(audit.create(open_deployment), name="audit", help="The transparency log")
    cli.add_typer(clients.create(open_deployment), name="clients", help="OAuth clients of consumers")
    cli.add_typer(consent.app, name="consent", help="What people agreed to")
    cli.add_typer(keys.create(open_deployment), name="keys", help="Bearer keys of consumers")
    cli.add_typer(policy.create(open_deployment), name="policy", help="Policy documents")
    cli.add_typer(privacy.create(open_deployment), name="privacy", help="People's own data")
    cli.add_typer(receipt.app, name="receipt", help="Receipts")
    cli.add_typer(review.app, name="review", help="Checks that wait for a human")
    cli.add_typer(routing.create(open_deployment), name="routing", help="Which network serves a number")
    cli.add_typer(tenants.create(open_deployment), name="tenants", help="Tenants and the tenants below them")
    for plugin in entry_points(group=PLUGINS):
        # Loaded by name only when called: other packages' commands must not slow down ours.
        _add_plugin(cli, plugin.name)
    return cli


def _add_plugin(cli: typer.Typer, name: str) -> None:
    if name not in sys.argv[1:2] and sys.argv[1:2] not in ([], ["--help"]):
        return
    (plugin,) = entry_points(group=PLUGINS, name=name)
    cli.command(name)(plugin.load())


def run(open_deployment: OpenDeployment) -> None:
    """Run the command in ``sys.argv``; an error of ours becomes one line and exit code 1."""
    try:
        create(open_deployment)()
    except BrokerError as error:
        typer.secho(f"{error.code}: {error}", err=True, fg=typer.colors.RED)
        for fault in getattr(error, "faults", ()):
            typer.echo(f"  {fault.pointer or '/'}: {fault.detail}", err=True)
        sys.exit(_EXIT_FAULT)
