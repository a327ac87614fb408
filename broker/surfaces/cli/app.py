"""All commands in one place; each does its work in a module of its own, imported when it is called."""

import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from broker import __version__
from broker.errors import BrokerError
from broker.surfaces.cli.ports import OpenDeployment

PLUGINS = "broker.commands"
_EXIT_FAULT = 1
_ROOMS: dict[str, tuple[str, str, str]] = {
    "check": ("check", "check", ""),
    "doctor": ("doctor", "create", ""),
    "outcome": ("check", "outcome", ""),
    "meter": ("meter", "create", ""),
    "learn": ("learn", "create", ""),
    "operators": ("operators", "operators", ""),
    "simulate": ("simulate", "create", ""),
    "adapter": ("adapter", "create", "Adapters for operators"),
    "audit": ("audit", "create", "The transparency log"),
    "clients": ("clients", "create", "OAuth clients of consumers"),
    "consent": ("consent", "app", "What people agreed to"),
    "disclosure": ("disclosure", "app", "Personal data told in clear"),
    "keys": ("keys", "create", "Bearer keys of consumers"),
    "policy": ("policy", "create", "Policy documents"),
    "privacy": ("privacy", "create", "People's own data"),
    "receipt": ("receipt", "app", "Receipts"),
    "review": ("review", "app", "Checks that wait for a human"),
    "rights": ("rights", "app", "What people ask about their own data"),
    "routing": ("routing", "create", "Which network serves a number"),
    "sandbox": ("sandbox", "create", "Pretend numbers to play with"),
    "watch": ("watch", "app", "Be told when somebody's trust worsens"),
    "tenants": ("tenants", "create", "Tenants and the tenants below them"),
}
"""Commands: the module of each, what in it makes the command or is it, and a title for those with commands below."""
_HERE = ("serve", "demo", "openapi")

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
        """Three pretend operators, the broker, and an agent that asks."""
        from broker.surfaces.cli.demo import run  # loads the web framework

        raise typer.Exit(run(folder, open_deployment, once=once))

    @cli.command()
    def openapi(
        write: Annotated[bool, typer.Option("--write", help="Write openapi/broker.v1.yaml and mcp-tools.json")] = False,
    ) -> None:
        """Print the published contract, generated from the code."""
        from broker.surfaces.cli.openapi import run  # loads the web framework

        run(write=write)

    plugins = tuple(entry_points(group=PLUGINS))
    others = {*_ROOMS, *_HERE, *(plugin.name for plugin in plugins)}
    for name, (module, member, title) in _ROOMS.items():
        if _called(name, others):
            _add(cli, open_deployment, name, getattr(import_module(f"{__package__}.{module}"), member), title)
    for plugin in plugins:
        # Loaded by name only when called: other packages' commands must not slow down ours.
        _add_plugin(cli, plugin.name)
    return cli


def _add(cli: typer.Typer, open_deployment: OpenDeployment, name: str, made: Any, title: str) -> None:
    command = made(open_deployment) if made.__class__ is not typer.Typer and made.__name__ == "create" else made
    if isinstance(command, typer.Typer):
        cli.add_typer(command, name=name, help=title)
    else:
        cli.command(name)(command)


def _called(name: str, others: set[str]) -> bool:
    """Whether a command may be the one that is run: loading them all costs a second, and one is called."""
    asked = sys.argv[1:2]
    return asked == [name] or not others.intersection(asked)


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
