"""``trust-broker check``: ask a running broker from the command line."""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from broker.client import DEFAULT_PURPOSE, BrokerUnreachable, ClientError, TrustBroker
from broker.domain.outcome import TurnedOut
from broker.surfaces.cli.output import AsJson, busy, tell

URL_VARIABLE = "TRUST_BROKER_URL"
KEY_VARIABLE = "TRUST_BROKER_KEY"
CREDENTIALS = Path(".demo/credentials.toml")
_EXIT_NO_DECISION = 2


class Credentials(NamedTuple):
    """Where to ask, and with which key."""

    url: str
    key: str


def check(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    number: Annotated[str, typer.Argument(help="E.164 with +, e.g. +34600000101")],
    action: Annotated[str, typer.Option(help="What the agent wants to do, e.g. payment.transfer")],
    amount: Annotated[str | None, typer.Option(help="A decimal, e.g. 950.00; needs --currency")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217, e.g. EUR")] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="name=value, e.g. newPayee=true; repeat")] = None,
    location: Annotated[str | None, typer.Option(help="latitude,longitude,radius in metres")] = None,
    operator_token: Annotated[str | None, typer.Option(help="A TS.43 token from the person's device")] = None,
    purpose: Annotated[str, typer.Option(help="A W3C DPV purpose")] = DEFAULT_PURPOSE,
    url: Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="The broker")] = None,
    key: Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="A key of the broker")] = None,
    language: Annotated[str | None, typer.Option(help="Of the explanation in words: en or es")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether an action may be done for a number now. Exit 0 for allow, 1 for anything else, 2 for no decision."""
    if (amount is None) != (currency is None):
        raise typer.BadParameter("--amount and --currency go together")
    where = credentials(url, key)
    try:
        with busy(f"asking {where.url}"), TrustBroker(where.url, where.key, language=language) as broker:
            answer = broker.check(
                number,
                action,
                amount=(amount, currency) if amount and currency else None,
                attributes=_attributes(attribute or []),
                location=_location(location),
                operator_token=operator_token,
                purpose=purpose,
            )
    except ClientError as error:
        typer.secho(told(error, where.url), err=True, fg=typer.colors.RED)
        raise typer.Exit(_EXIT_NO_DECISION) from error
    if as_json:
        typer.echo(json.dumps(answer.document, indent=2))
    else:
        show(answer.document)
    raise typer.Exit(0 if answer.allowed else 1)


def outcome(
    check_id: Annotated[str, typer.Argument(help="The check, e.g. chk_01...")],
    turned_out: Annotated[TurnedOut, typer.Argument(help="What it was; unknown takes an earlier word back")],
    url: Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="The broker")] = None,
    key: Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="A key of the broker")] = None,
    as_json: AsJson = False,
) -> None:
    """Report what a check turned out to be. Exit 0 when the broker has kept it."""
    where = credentials(url, key)
    try:
        with TrustBroker(where.url, where.key) as broker:
            kept = broker.report_outcome(check_id, turned_out.value)
    except ClientError as error:
        typer.secho(told(error, where.url), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from error
    found = {"checkId": kept.check_id, "outcome": kept.outcome}
    tell(found, [f"{kept.check_id} {kept.outcome}"], as_json=as_json)


def show(document: Mapping[str, Any]) -> None:
    """An answer for people."""
    policy = document["policy"]
    table = Table(show_header=False, box=None)
    table.add_row("decision", f"[bold]{document['decision']}[/bold]")
    table.add_row("verdict", document["verdict"])
    table.add_row("trust", f"{document['trustBand']}{_score(document)}, confidence {document['confidence']}")
    table.add_row("reasons", ", ".join(reason["code"] for reason in document["reasons"]) or "-")
    table.add_row("next", ", ".join(step.get("method", step["type"]) for step in document["nextSteps"]) or "-")
    table.add_row("policy", f"{policy['id']} version {policy['version']}, class {policy['actionClass']}")
    for signal in document.get("signals", ()):
        said = signal.get("value") or f"{signal.get('reason')} {signal.get('code', '')}".strip()
        table.add_row(f"  {signal['name']}", f"{said} ({signal.get('contribution', 0.0):+.2f})")
    if "cost" in document:
        table.add_row("cost", f"{_money(document['cost']['total'])}, saved {_money(document['cost']['saved'])}")
    table.add_row("check", document["id"])
    console = Console()
    console.print(table)
    for sentence in document.get("words", {}).get("sentences", ()):
        console.print(f"  {sentence}", highlight=False)


def _money(charges: Sequence[Mapping[str, str]]) -> str:
    return " and ".join(f"{one['value']} {one['currency']}" for one in charges) or "nothing"


def _score(document: Mapping[str, Any]) -> str:
    return f" ({document['trustScore']} of 1000)" if "trustScore" in document else ""


def told(error: ClientError, url: str) -> str:
    """An error of the client for whoever sits at the command line, with what can be done about it."""
    if isinstance(error, BrokerUnreachable):
        return (
            f"{error}: nothing usable at {url}; is it running there? trust-broker serve starts it, doctor looks it over"
        )
    return str(error)


def credentials(url: str | None, key: str | None) -> Credentials:
    """Those given, else those that the demo left here."""
    kept = _kept()
    url, key = url or kept.get("url"), key or kept.get("key")
    if not url or not key:
        raise typer.BadParameter(
            f"give --url and --key, set {URL_VARIABLE} and {KEY_VARIABLE}, or run trust-broker demo in this folder"
            " and ask from another terminal"
        )
    return Credentials(url, key)


def _kept() -> dict[str, str]:
    """What the demo left for this command, when it runs in the same folder."""
    path = Path(os.environ.get("TRUST_BROKER_CREDENTIALS", CREDENTIALS))
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def _attributes(pairs: list[str]) -> dict[str, str | bool]:
    attributes: dict[str, str | bool] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise typer.BadParameter(f"{pair!r} is not name=value")
        attributes[name] = {"true": True, "false": False}.get(value, value)
    return attributes


def _location(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        latitude, longitude, radius_m = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter("--location is latitude,longitude,radius, e.g. 40.4168,-3.7038,5000") from error
    return latitude, longitude, radius_m
