"""``trust-broker keys``: create, list, revoke; rotate the root key of the vault."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from broker.surfaces.cli import signing
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.manage_keys import ManageKeys, NewKey
from broker.usecases.rotate_keys import Rotated

_T = TypeVar("_T")
Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
Tenant = Annotated[str, typer.Option(help="Whose key")]


def create(open_deployment: OpenDeployment) -> typer.Typer:  # noqa: C901 - one command after the other
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    def on_ring(config: Path | None, work: Callable[[ManageKeys], Awaitable[_T]]) -> _T:
        async def within() -> _T:
            async with open_deployment(config).key_ring() as ring:
                return await work(ring)

        return asyncio.run(within())

    @group.command("create")
    def create_key(
        tenant: Tenant,
        consumer: Annotated[str, typer.Option(help="The application that will call")],
        agent: Annotated[str | None, typer.Option(help="The AI agent it acts through")] = None,
        scope: Annotated[list[str] | None, typer.Option(help="trust:check, trust:explain; repeat for several")] = None,
        days: Annotated[int | None, typer.Option(min=1, max=3650, help="Lifetime; until revoked if left out")] = None,
        config: Config = None,
    ) -> None:
        """Make a key and print it. It is shown this once: only a hash is kept."""
        wanted = NewKey(
            tenant, consumer, agent, tuple(scope or ["trust:check"]), timedelta(days=days) if days else None
        )
        typer.echo(on_ring(config, lambda ring: ring.create(wanted)))

    @group.command("list")
    def list_keys(tenant: Tenant, config: Config = None) -> None:
        """List a tenant's keys, without their secrets."""
        for key in on_ring(config, lambda ring: ring.of_tenant(tenant)):
            state = "revoked" if key.revoked_ms is not None else _until(key.expires_ms)
            typer.echo(f"{key.key_id}  {key.consumer}  {key.agent or '-'}  {' '.join(key.scopes)}  {state}")

    @group.command("rotate")
    def rotate_key(
        key_id: str,
        tenant: Tenant,
        overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the old key holds as well")] = 24,
        config: Config = None,
    ) -> None:
        """Make a new key like an old one, which ends when the overlap is over, and print it."""
        typer.echo(on_ring(config, lambda ring: ring.rotate(tenant, key_id, timedelta(hours=overlap_hours))))

    @group.command("revoke")
    def revoke_key(key_id: str, tenant: Tenant, config: Config = None) -> None:
        """Revoke a key; it is refused within seconds."""
        on_ring(config, lambda ring: ring.revoke(tenant, key_id))
        typer.echo(f"{key_id} revoked")

    @group.command("rotate-root")
    def rotate_root(
        forget_old: Annotated[bool, typer.Option("--forget-old", help="And forget keys that wrap nothing now")] = False,
        config: Config = None,
    ) -> None:
        """Give the vault a new root key and every tenant a new key under it; what is sealed stays as it is.

        Run it again after an interruption: it goes on where it stopped.
        """

        async def within() -> Rotated:
            async with open_deployment(config).key_rotation() as rotate:
                return await rotate(forget_old=forget_old)

        done = asyncio.run(within())
        typer.echo(f"root key {done.root_id}: {done.tenants} tenants, {done.subjects} keys wrapped anew")
        for key_id in done.forgotten:
            typer.echo(f"root key {key_id} forgotten")

    group.add_typer(signing.create(open_deployment), name="signing", help="Keys that sign receipts")
    return group


def _until(expires_ms: int | None) -> str:
    return "until revoked" if expires_ms is None else f"until {datetime.fromtimestamp(expires_ms / 1000, UTC):%Y-%m-%d}"
