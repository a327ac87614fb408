"""``trust-broker receipt verify``: offline, with nothing but public keys. Its exit code is the answer."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from broker.audit import receipts
from broker.domain.check import Action
from broker.errors import InvalidRequest
from broker.surfaces import wire

app = typer.Typer(no_args_is_help=True)
_STDIN = "-"

INVALID, OTHER_DECISION, OTHER_ACTION = 1, 3, 4
"""Exit codes beside 0 (rely on it) and 2 (wrong usage, typer's own)."""


class Required(StrEnum):
    """The decision that a receipt must hold; ``any`` looks at the receipt without wanting to act on it."""

    ALLOW = "allow"
    STEP_UP = "step_up"
    REVIEW = "review"
    DENY = "deny"
    ANY = "any"


@app.callback()
def _group() -> None:
    """Keeps ``verify`` a command of its own while it is the only one."""


@app.command()
def verify(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    jwks: Annotated[Path, typer.Option(help="A file with the broker's /.well-known/jwks.json")],
    token: Annotated[str, typer.Argument(help="The receipt; '-' reads it from standard input")] = _STDIN,
    audience: Annotated[str | None, typer.Option(help="The tenant that the receipt must be meant for")] = None,
    issuer: Annotated[str | None, typer.Option(help="The broker's public URL that it must come from")] = None,
    action: Annotated[
        Path | None, typer.Option(help="A JSON file with what is about to be done, like a request's 'action' member")
    ] = None,
    require_decision: Annotated[Required, typer.Option(help="What must have been decided")] = Required.ALLOW,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Expect a receipt of the sandbox, and no real one")
    ] = False,
    at: Annotated[datetime | None, typer.Option(help="Verify as of this UTC instant instead of now")] = None,
) -> None:
    """Check whether a receipt can be relied on, and print its claims.

    Exit codes: 0 it can; 1 signature, type, lifetime, audience or issuer is wrong; 2 wrong usage; 3 something else than
    the required decision was decided; 4 it was given for another action.
    """
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    text = sys.stdin.read().strip() if token == _STDIN else token
    done = _action(action) if action else None
    try:
        receipt = receipts.verify(text, _keys(jwks), now=now, audience=audience, issuer=issuer, sandbox=sandbox)
        covered = done is None or receipts.covers(receipt, done)
    except receipts.ReceiptInvalid as error:
        _refuse(f"invalid: the receipt {error}", INVALID)
    if require_decision not in {Required.ANY, receipt.decision}:
        _refuse(f"the decision was {receipt.decision} and not {require_decision}", OTHER_DECISION)
    if not covered:
        _refuse("the receipt was given for another action", OTHER_ACTION)
    typer.echo(msgspec.json.format(msgspec.json.encode(receipt)).decode("utf-8"))


def _refuse(text: str, code: int) -> NoReturn:
    typer.secho(text, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


def _keys(path: Path) -> dict[str, Any]:
    try:
        keys = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: not a readable JWK set") from error
    if not isinstance(keys, dict) or "keys" not in keys:
        raise typer.BadParameter(f"{path}: a JWK set has a member 'keys'")
    return keys


def _action(path: Path) -> Action:
    try:
        members = wire.members_of(path.read_bytes())
        # A whole request will do as well: its action is taken.
        inner = members.get("action", members) if isinstance(members, Mapping) else members
        return wire.to_action(inner)
    except OSError as error:
        raise typer.BadParameter(f"{path}: cannot be read") from error
    except InvalidRequest as error:
        faults = "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.faults)
        raise typer.BadParameter(f"{path}: {faults}") from error
