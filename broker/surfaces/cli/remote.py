"""What commands share that work on a running broker: where it is, whose key, and how an answer is told."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from broker.client import ClientError, TrustBroker
from broker.surfaces.cli.check import KEY_VARIABLE, URL_VARIABLE, credentials, told
from broker.surfaces.cli.output import AsJson, busy, tell

__all__ = ["EXIT_REFUSED", "AsJson", "Key", "Url", "call", "part", "tell"]
Url = Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="The broker")]
Key = Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="A key of the broker, of a person")]
EXIT_REFUSED = 1
_TIMEOUT_S = 60


def call(
    url: str | None, key: str | None, method: str, path: str, members: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One operation of the published contract; a refusal is told, and ends the command with exit code 1."""
    where = credentials(url, key)
    try:
        with busy(f"asking {where.url}"), TrustBroker(where.url, where.key, timeout_s=_TIMEOUT_S) as broker:
            return broker.call(method, path, members)
    except ClientError as error:
        typer.secho(told(error, where.url), err=True, fg=typer.colors.RED)
        raise typer.Exit(EXIT_REFUSED) from error


def part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")
