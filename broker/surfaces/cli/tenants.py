"""``trust-broker tenants``: make, list, suspend, resume, limit."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from broker.consumers.limits import Limits
from broker.errors import InvalidRequest
from broker.surfaces.cli.output import AsJson, at_work, tell
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.consumers.manage_tenants import LEVELS_MAX, ManageTenants, TenantOut, TenantsOut

_T = TypeVar("_T")
Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
Wanted = Annotated[
    str,
    typer.Option(
        "--limits", help='As JSON: {"checksPerMinute": 600, "budget": {"EUR": "100.00"}, "operators": ["alba"]}'
    ),
]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    def among_tenants(config: Path | None, work: Callable[[ManageTenants], Awaitable[_T]]) -> _T:
        async def within() -> _T:
            async with open_deployment(config).consumers() as administration:
                return await work(administration.tenants)

        return at_work(within())

    @group.command("create")
    def create_tenant(
        name: str,
        parent: Annotated[str | None, typer.Option(help="The platform that it belongs to")] = None,
        wanted: Wanted = "{}",
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Make a tenant and print its full name; one called "sandbox", and all below it, know magic numbers alone."""
        made = among_tenants(config, lambda tenants: tenants.create(None, name, _limits(wanted), parent))
        tell(made, [made.tenant], as_json=as_json)

    @group.command("list")
    def list_tenants(
        platform: str,
        depth: Annotated[int, typer.Option(min=1, max=LEVELS_MAX, help="How many levels down")] = 1,
        as_json: AsJson = False,
        config: Config = None,
    ) -> None:
        """List the tenants below a platform."""

        async def every(tenants: ManageTenants) -> TenantsOut:
            found = await tenants.below(None, platform, depth=depth)
            all_ = found.tenants
            while found.next is not None:
                found = await tenants.below(None, platform, depth=depth, after=found.next)
                all_ += found.tenants
            return TenantsOut(all_)

        told = among_tenants(config, every)
        tell(told, map(_line, told.tenants), as_json=as_json)

    @group.command("suspend")
    def suspend(tenant: str, config: Config = None, as_json: AsJson = False) -> None:
        """Refuse everything that a tenant asks, and the tenants below it."""
        found = among_tenants(config, lambda tenants: tenants.suspend(None, tenant))
        tell(found, [_line(found)], as_json=as_json)

    @group.command("resume")
    def resume(tenant: str, config: Config = None, as_json: AsJson = False) -> None:
        """End a suspension."""
        found = among_tenants(config, lambda tenants: tenants.resume(None, tenant))
        tell(found, [_line(found)], as_json=as_json)

    @group.command("limit")
    def limit(tenant: str, wanted: Wanted, config: Config = None, as_json: AsJson = False) -> None:
        """Replace a tenant's quotas, budgets and operators."""
        found = among_tenants(config, lambda tenants: tenants.limit(None, tenant, _limits(wanted)))
        tell(found, [_line(found)], as_json=as_json)

    return group


def _limits(text: str) -> Limits:
    try:
        return msgspec.json.decode(text, type=Limits)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"--limits: {error}; see trust-broker tenants create --help") from error


def _line(tenant: TenantOut) -> str:
    state = "suspended" if tenant.suspended_at else "active"
    state += "  sandbox" if tenant.sandbox else ""
    return f"{tenant.tenant}  {state}  {msgspec.json.encode(tenant.limits).decode('utf-8')}"
