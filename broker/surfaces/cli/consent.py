"""``trust-broker consent``: what people agreed to, with the key of the person who takes it down."""

import json
from typing import Annotated

import typer

from broker.surfaces.cli.remote import AsJson, Key, Url, call, part, tell

app = typer.Typer(no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="Whose, as +34600000101")]


@app.command()
def give(  # noqa: PLR0913, PLR0917 - one parameter for each member
    number: Number,
    notice: Annotated[str, typer.Option(help="The version of your notice")],
    method: Annotated[str, typer.Option(help="How it was given: checkbox, spoken, signature")],
    channel: Annotated[str, typer.Option(help="Where: app, voice, branch")],
    signal: Annotated[list[str] | None, typer.Option(help="What it is about, such as location; repeat")] = None,
    instrument: Annotated[list[str] | None, typer.Option(help="Such as location_area; repeat")] = None,
    purpose: Annotated[str, typer.Option(help="What for")] = "FraudPreventionAndDetection",
    expires: Annotated[str | None, typer.Option(help="An instant with zone; until withdrawn if left out")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Record a consent."""
    sent = {"phoneNumber": number, "purpose": purpose, "signals": signal or [], "noticeVersion": notice}
    sent |= {"method": method, "channel": channel, "instruments": instrument or []}
    found = call(url, key, "POST", "/v1/consents", sent | ({"expiresAt": expires} if expires else {}))
    tell(found, [_line(found)], as_json=as_json)


@app.command("list")
def list_consents(number: Number, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List a person's consents as they stand."""
    found = call(url, key, "POST", "/v1/consents/search", {"phoneNumber": number})
    tell(found, [_line(one) for one in found["consents"]], as_json=as_json)


@app.command()
def withdraw(consent_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Take a consent back; effective everywhere within seconds."""
    found = call(url, key, "POST", f"/v1/consents/{part(consent_id)}/withdraw")
    tell(found, [_line(found)], as_json=as_json)


@app.command()
def export(consent_id: str, url: Url = None, key: Key = None) -> None:
    """Print a consent as JSON-LD (W3C DPV, ISO/IEC TS 27560)."""
    typer.echo(json.dumps(call(url, key, "GET", f"/v1/consents/{part(consent_id)}/export"), indent=2))


def _line(one: dict[str, object]) -> str:
    signals = " ".join(map(str, one["signals"])) if isinstance(one["signals"], list) else ""
    return (
        f"{one['id']}  {one['state']}  {one['purpose']}: {signals}  (notice {one['noticeVersion']}, {one['givenAt']})"
    )
