"""``trust-broker watch``: be told when somebody's trust worsens, at a running broker."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from broker.surfaces.cli.remote import AsJson, Key, Url, call, part, tell

app = typer.Typer(no_args_is_help=True)


@app.command()
def start(  # noqa: PLR0913, PLR0917 - one parameter for each member
    number: Annotated[str, typer.Argument(help="Whose, as +34600000101")],
    action: Annotated[str, typer.Option(help="For which action, such as payment.transfer")],
    every_hours: Annotated[int, typer.Option(min=1, max=720, help="How often to look")] = 24,
    days: Annotated[int, typer.Option(min=1, max=365, help="For how long")] = 30,
    purpose: Annotated[str, typer.Option(help="What for")] = "FraudPreventionAndDetection",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Look at somebody's trust again and again; webhooks hear when it is worse. Every look costs what a check costs."""
    wanted = {"phoneNumber": number, "actionType": action, "purpose": purpose}
    found = call(url, key, "POST", "/v1/watches", wanted | {"everyS": every_hours * 3600, "days": days})
    tell(found, [_line(found)], as_json=as_json)


@app.command("list")
def list_watches(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List your watches, newest first."""
    found = call(url, key, "GET", "/v1/watches")
    tell(found, map(_line, found["watches"]), as_json=as_json)


@app.command()
def end(watch_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Look no more, and forget the number."""
    found = call(url, key, "DELETE", f"/v1/watches/{part(watch_id)}")
    tell(found, [_line(found)], as_json=as_json)


def _line(watch: Mapping[str, Any]) -> str:
    seen = f"{watch['decision']} ({watch['trustBand']})" if "decision" in watch else "not looked yet"
    unsure = "  unsure" if watch.get("unsure") else ""
    code = f"  {watch['code']}" if "code" in watch else ""
    return f"{watch['id']}  {watch['status']}  {watch['actionType']}  {seen}{unsure}{code}"
