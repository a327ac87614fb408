"""``trust-broker simulate``: what these policies would do to a population."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from broker.surfaces.cli.ports import OpenDeployment

if TYPE_CHECKING:  # they load half of the broker
    from broker.usecases.policy.simulate import Report, Run

_Told = Callable[[int, int], None]
_QUESTIONS_MAX = 20_000_000
_JOBS_MAX = 64
_WIRE_MAX = 10_000


def create(open_deployment: OpenDeployment) -> Callable[..., None]:
    """The command over a way to open deployments."""

    def simulate(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
        checks: Annotated[int, typer.Option(min=1, max=_QUESTIONS_MAX, help="How many questions to play")] = 50_000,
        seed: Annotated[int, typer.Option(help="The same seed gives the same world, on any machine")] = 1,
        report: Annotated[
            Path | None, typer.Option(help="Write the report here, one HTML file that loads nothing")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print every figure for machines")] = False,
        world: Annotated[Path | None, typer.Option(help="Parameters of the world; simulation/default.yaml")] = None,
        policies: Annotated[Path | None, typer.Option(help="Folder of the policies to play; those in force")] = None,
        attack_factor: Annotated[
            float, typer.Option(min=0.0, max=100.0, help="Attacks against what policies expect")
        ] = 1.0,
        stress: Annotated[bool, typer.Option(help="Play variations of the world as well")] = True,
        wire: Annotated[
            int, typer.Option(min=0, max=_WIRE_MAX, help="So many of the questions go through a real broker as well")
        ] = 0,
        jobs: Annotated[int | None, typer.Option(min=1, max=_JOBS_MAX, help="Processes; one for each core")] = None,
        config: Annotated[Path | None, typer.Option("--config", help="Configuration folder")] = None,
    ) -> None:
        """Play policies over a population with operators, faults, honest agents and attackers. Asks no operator."""
        from broker.usecases.policy import simulate as simulation

        deployment = open_deployment(config)
        inputs = simulation.texts(
            world or deployment.folder / "simulation" / "default.yaml",
            deployment.evidence_table,
            policies or deployment.folder / "policies",
            deployment.folder / "operators",
        )
        run = simulation.Run(inputs, checks, seed, jobs or os.cpu_count() or 1, attack_factor, stress)
        started_s = time.perf_counter()
        with _progress() as shown:
            task = shown.add_task("playing", total=None)
            played = simulation.simulate(run, lambda done, of: shown.update(task, completed=done, total=of))
            if wire:
                told = shown.add_task("over the wire", total=None)
                played = _over_the_wire(
                    played,
                    run,
                    wire,
                    deployment.folder,
                    open_deployment,
                    lambda done, of: shown.update(told, completed=done, total=of),
                )
        if report is not None:
            report.write_text(simulation.as_html(played), "utf-8")
        typer.echo(simulation.as_json(played).decode("utf-8") if as_json else simulation.summary(played))
        took = f"{time.perf_counter() - started_s:.1f} s" + (f", report in {report}" if report else "")
        typer.echo(took, err=True)

    return simulate


def _over_the_wire(
    report: "Report",
    run: "Run",
    count: int,
    folder: Path,
    open_deployment: OpenDeployment,
    told: Callable[[int, int], None],
) -> "Report":
    """The report with a sample of its questions played through a real broker."""
    from broker.surfaces.cli.rehearse_stage import rehearsal_stage
    from broker.usecases.policy.rehearsal_files import configure
    from broker.usecases.policy.rehearse import rehearse
    from broker.usecases.policy.simulate import rehearsed, sampled

    def configured(place: Path, urls: tuple[str, str]) -> Path:
        return configure(place, run.inputs, folder, urls)

    with (
        tempfile.TemporaryDirectory(prefix="trust-broker-rehearsal-") as place,
        rehearsal_stage(Path(place), configured, open_deployment) as stage,
    ):
        return rehearsed(report, rehearse(sampled(run, count), run.inputs, stage, told))


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))
