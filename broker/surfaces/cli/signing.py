"""``trust-broker keys signing``: the life of the keys that sign receipts, and a drill for when one is stolen."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.audit import receipts
from broker.audit.receipts import ReceiptInvalid
from broker.client import ClientError, TrustBroker
from broker.surfaces.cli.check import KEY_VARIABLE, URL_VARIABLE, credentials
from broker.surfaces.cli.output import AsJson, tell
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.audit.rotate_signing import RotateSigning

Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
_DRILL_S = 60.0
_PAUSE_S = 0.2
_FAILED = 1


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    def on_ring(config: Path | None) -> RotateSigning:
        return open_deployment(config).signing_keys()

    @group.command("list")
    def list_keys(config: Config = None, as_json: AsJson = False) -> None:
        """List the keys: next, signing, verifying, retired or revoked, and since when they sign."""
        found = on_ring(config).overview()
        members = [{"kid": key.kid, "state": key.state, "activeAt": key.active_at} for key in found]
        lines = (f"{key.kid}  {key.state:9}  from {key.active_at:%FT%TZ}" for key in found)
        tell(members, lines, as_json=as_json)

    @group.command("rotate")
    def rotate(
        after: Annotated[
            int, typer.Option(min=0, help="Seconds until it signs; verifiers learn of it meanwhile")
        ] = 86_400,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Add a key that signs after a while; the one before verifies for as long as anything it signed is valid."""
        new = on_ring(config).rotate(timedelta(seconds=after))
        found = {"kid": new.kid, "activeAt": new.active_at}
        tell(found, [f"{new.kid} signs from {new.active_at:%FT%TZ}"], as_json=as_json)

    @group.command("revoke")
    def revoke(kid: str, config: Config = None, as_json: AsJson = False) -> None:
        """Revoke a key now: what it signed is refused, and where it was the one that signs another one does."""
        now_signing = on_ring(config).revoke(kid)
        found = {"revoked": kid, "signs": now_signing.kid}
        tell(found, [f"{kid} revoked; {now_signing.kid} signs"], as_json=as_json)

    @group.command("drill")
    def drill(
        number: Annotated[str, typer.Argument(help="A number to ask about, E.164 with +")],
        action: Annotated[str, typer.Option(help="What to ask for")] = "sign_in.hint",
        yes: Annotated[bool, typer.Option("--yes", help="Really revoke the key that signs now")] = False,
        url: Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="The broker")] = None,
        key: Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="A key of the broker")] = None,
        config: Config = None,
    ) -> None:
        """Rehearse the theft of the key that signs: revoke it, and see what it signed refused, and nothing else.

        Receipts that are out and not used yet become useless: whoever holds one has to ask again. Exit code 1 where the
        old receipt is still good after 60 seconds, or a new one is not.
        """
        if not yes:
            raise typer.BadParameter("this revokes the key that signs now, with every receipt that is out: add --yes")
        where = credentials(url, key)
        try:
            with TrustBroker(where.url, where.key) as broker:
                _drill(broker, on_ring(config), number, action)
        except ClientError as error:
            typer.secho(str(error), err=True, fg=typer.colors.RED)
            raise typer.Exit(_FAILED) from error

    return group


def _drill(broker: TrustBroker, ring: RotateSigning, number: str, action: str) -> None:
    old = broker.check(number, action).document["receipt"]
    _say("before", _verifies(broker, old), wanted=True)
    stolen = receipts.kid(old)
    ring.revoke(stolen)
    started_s = time.monotonic()
    while _verifies(broker, old) and time.monotonic() - started_s < _DRILL_S:
        time.sleep(_PAUSE_S)
    _say(
        f"the old receipt, {time.monotonic() - started_s:.1f} s after its key was revoked",
        _verifies(broker, old),
        wanted=False,
    )
    new = broker.check(number, action).document["receipt"]
    _say("a new receipt", _verifies(broker, new) and receipts.kid(new) != stolen, wanted=True)


def _verifies(broker: TrustBroker, token: str) -> bool:
    keys: dict[str, Any] = broker.call("GET", "/.well-known/jwks.json")
    try:
        receipts.verify(token, keys, now=datetime.now(UTC))
    except ReceiptInvalid:
        return False
    return True


def _say(what: str, good: bool, *, wanted: bool) -> None:
    typer.echo(f"{what}: {'good' if good else 'refused'}")
    if good != wanted:
        typer.secho("the drill failed", err=True, fg=typer.colors.RED)
        raise typer.Exit(_FAILED)
