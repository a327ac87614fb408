"""``trust-broker privacy``: what people may ask about their own data, and what is kept for how long."""

from pathlib import Path
from typing import Annotated

import typer

from broker.surfaces.cli.output import at_work
from broker.surfaces.cli.ports import OpenDeployment
from broker.surfaces.cli.remote import AsJson, Key, Url, call, tell
from broker.usecases.privacy.keep_retention import RetentionOut, RetentionsOut

Number = Annotated[str, typer.Argument(help="Whose, as +34600000101")]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)
    group.command("erase")(erase)
    group.command("erasures")(erasures)
    group.command("pause")(pause)
    group.command("objection")(objection)

    @group.command("retention")
    def retention(
        tenant: Annotated[str, typer.Option(help="Whose data")],
        config: Annotated[Path | None, typer.Option("--config", help="Configuration folder")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Show what is kept for how long, and how far that is enforced."""

        async def within() -> RetentionsOut:
            async with open_deployment(config).retention() as kept:
                return await kept.of(tenant)

        found = at_work(within())
        tell(found, (_kept(one) for one in found.categories), as_json=as_json)

    return group


def erase(number: Number, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Erase a person: nothing that is known about them opens again, here or from a backup."""
    found = call(url, key, "POST", "/v1/subjects/erase", {"phoneNumber": number})
    tell(found, [f"{found['id']}: erased at {found['erasedAt']}"], as_json=as_json)


Off = Annotated[bool, typer.Option("--off", help="No more")]


def pause(number: Number, off: Off = False, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Ask no operator about a person, until it is switched off."""
    found = call(url, key, "POST", "/v1/subjects/pause", {"phoneNumber": number, "on": not off})
    tell(found, [f"paused since {found['pausedSince']}" if "pausedSince" in found else "not paused"], as_json=as_json)


def objection(number: Number, off: Off = False, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Note that a person objects to what rests on legitimate interest."""
    found = call(url, key, "POST", "/v1/subjects/objection", {"phoneNumber": number, "on": not off})
    since = f"objects since {found['objectedSince']}" if "objectedSince" in found else "no objection"
    tell(found, [since], as_json=as_json)


def erasures(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List erasures, latest first."""
    found = call(url, key, "GET", "/v1/subjects/erasures")
    lines = [f"{one['id']}  {one['erasedAt']}  by {one['erasedBy']}" for one in found["erasures"]]
    tell(found, lines, as_json=as_json)


def _kept(one: RetentionOut) -> str:
    until = f"nothing older than {one.enforced_until:%Y-%m-%d}" if one.enforced_until else "not enforced yet"
    return f"{one.category}: {one.days} days, {until}  ({one.holds})"
