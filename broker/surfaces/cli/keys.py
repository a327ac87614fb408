"""``trust-broker keys``: create, list, revoke; rotate the root key of the vault."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from broker.surfaces.cli import signing
from broker.surfaces.cli.output import AsJson, at_work, tell
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.consumers.manage_keys import ManageKeys, NewKey
from broker.usecases.consumers.manage_tenants import KeyOut, key_out
from broker.usecases.privacy.rotate_keys import Rotated

_T = TypeVar("_T")
Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
Tenant = Annotated[str, typer.Option(help="Whose key")]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    def on_ring(config: Path | None, work: Callable[[ManageKeys], Awaitable[_T]]) -> _T:
        async def within() -> _T:
            async with open_deployment(config).key_ring() as ring:
                return await work(ring)

        return at_work(within())

    @group.command("create")
    def create_key(
        tenant: Tenant,
        consumer: Annotated[str, typer.Option(help="The application that will call")],
        agent: Annotated[str | None, typer.Option(help="The AI agent it acts through")] = None,
        scope: Annotated[list[str] | None, typer.Option(help="trust:check, trust:explain; repeat for several")] = None,
        days: Annotated[int | None, typer.Option(min=1, max=3650, help="Lifetime; until revoked if left out")] = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Make a key and print it. It is shown this once: only a hash is kept."""
        wanted = NewKey(
            tenant, consumer, agent, tuple(scope or ["trust:check"]), timedelta(days=days) if days else None
        )
        made = on_ring(config, lambda ring: ring.create(wanted))
        tell({"key": made}, [made], as_json=as_json)

    @group.command("list")
    def list_keys(tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """List a tenant's keys, without their secrets."""
        found = [key_out(key) for key in on_ring(config, lambda ring: ring.of_tenant(tenant))]
        tell(found, map(_line, found), as_json=as_json)

    @group.command("rotate")
    def rotate_key(
        key_id: str,
        tenant: Tenant,
        overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the old key holds as well")] = 24,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Make a new key like an old one, which ends when the overlap is over, and print it."""
        made = on_ring(config, lambda ring: ring.rotate(tenant, key_id, timedelta(hours=overlap_hours)))
        tell({"key": made}, [made], as_json=as_json)

    @group.command("revoke")
    def revoke_key(key_id: str, tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """Revoke a key; it is refused within seconds."""
        on_ring(config, lambda ring: ring.revoke(tenant, key_id))
        tell({"keyId": key_id, "state": "revoked"}, [f"{key_id} revoked"], as_json=as_json)

    _add_rotation(group, open_deployment)
    group.add_typer(signing.create(open_deployment), name="signing", help="Keys that sign receipts")
    return group


def _add_rotation(group: typer.Typer, open_deployment: OpenDeployment) -> None:
    @group.command("rotate-root")
    def rotate_root(
        forget_old: Annotated[bool, typer.Option("--forget-old", help="And forget keys that wrap nothing now")] = False,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Give the vault a new root key and every tenant a new key under it; what is sealed stays as it is.

        Run it again after an interruption: it goes on where it stopped.
        """

        async def within() -> Rotated:
            async with open_deployment(config).key_rotation() as rotate:
                return await rotate(forget_old=forget_old)

        done = at_work(within(), "wrapping keys anew")
        told = f"root key {done.root_id}: {done.tenants} tenants, {done.subjects} keys wrapped anew"
        tell(done, [told, *(f"root key {key_id} forgotten" for key_id in done.forgotten)], as_json=as_json)


def _line(key: KeyOut) -> str:
    state = "revoked" if key.revoked_at is not None else _until(key.expires_at)
    return f"{key.key_id}  {key.consumer}  {key.agent or '-'}  {' '.join(key.scopes)}  {state}"


def _until(expires_at: datetime | None) -> str:
    return "until revoked" if expires_at is None else f"until {expires_at:%Y-%m-%d}"
