"""``trust-broker meter``: what a tenant used, for its invoice."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from broker.surfaces.cli.output import at_work
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.consumers.meter import MeterOut, as_csv, period

Day = datetime | None


def create(open_deployment: OpenDeployment) -> Callable[..., None]:
    """The command."""

    def meter(
        tenant: str,
        since: Annotated[Day, typer.Option(formats=["%Y-%m-%d"], help="First day; 31 days before the last")] = None,
        until: Annotated[Day, typer.Option(formats=["%Y-%m-%d"], help="Day after the last one; tomorrow")] = None,
        below: Annotated[bool, typer.Option("--below", help="And of all tenants below, each by its name")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="JSON instead of CSV")] = False,
        config: Annotated[Path | None, typer.Option("--config", help="Configuration folder")] = None,
    ) -> None:
        """Print what a tenant used by day, consumer and agent: checks, operator calls, and what they cost."""
        first, last = period(since and since.date(), until and until.date(), datetime.now(UTC).date())

        async def within() -> MeterOut:
            async with open_deployment(config).consumers() as administration:
                return await administration.meter(None, tenant, first, last, below=below)

        metered = at_work(within(), "adding up the meter")
        typer.echo(msgspec.json.encode(metered).decode("utf-8") if as_json else as_csv(metered), nl=as_json)

    return meter
