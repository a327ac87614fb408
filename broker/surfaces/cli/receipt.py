"""``trust-broker receipt verify``: offline, with nothing but public keys."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from broker.audit import receipts

app = typer.Typer(no_args_is_help=True)
_STDIN = "-"


@app.callback()
def _group() -> None:
    """Keeps ``verify`` a command of its own while it is the only one."""


@app.command()
def verify(
    jwks: Annotated[Path, typer.Option(help="A file with the broker's /.well-known/jwks.json")],
    token: Annotated[str, typer.Argument(help="The receipt; '-' reads it from standard input")] = _STDIN,
    audience: Annotated[str | None, typer.Option(help="The tenant that the receipt must be meant for")] = None,
    at: Annotated[datetime | None, typer.Option(help="Verify as of this UTC instant instead of now")] = None,
) -> None:
    """Check signature, type, lifetime and audience of a receipt; print its claims."""
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    text = sys.stdin.read().strip() if token == _STDIN else token
    try:
        receipt = receipts.verify(text, _keys(jwks), now=now, audience=audience)
    except receipts.ReceiptInvalid as error:
        typer.secho(f"invalid: the receipt {error}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from error
    typer.echo(msgspec.json.format(msgspec.json.encode(receipt)).decode("utf-8"))


def _keys(path: Path) -> dict[str, Any]:
    try:
        keys = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: not a readable JWK set") from error
    if not isinstance(keys, dict) or "keys" not in keys:
        raise typer.BadParameter(f"{path}: a JWK set has a member 'keys'")
    return keys
