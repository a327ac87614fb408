"""Plays the scenes of every framework against one broker on one stage, and prints which framework showed what."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.conformance.frameworks.brokers import broken_brokers, person
from tests.conformance.frameworks.environments import (
    FRAMEWORKS,
    PROJECT,
    Framework,
    build_client,
    environment,
    version,
)
from tests.conformance.report import Row
from tests.support.stage import set_stage

SCENES = ("allow", "deny", "step_up", "fail_closed", "tampered")
_INSIDE = Path(__file__).parent / "inside"
_EXAMPLES = PROJECT / "tests" / "stories" / "examples"
_PLAY_S = 300
_TIMEOUT_S = "2"
_MANY = {"hourly = 6": "hourly = 600"}  # one person plays in all the scenes


class Played(NamedTuple):
    """How one framework did: for each scene an empty text, or what went wrong."""

    framework: str
    version: str
    outcomes: dict[str, str]

    @property
    def failed(self) -> tuple[str, ...]:
        """The scenes that did not go as they must, with what was seen."""
        seen = {scene: self.outcomes.get(scene, "was not played") for scene in SCENES}
        return tuple(f"{scene}: {wrong}" for scene, wrong in seen.items() if wrong)


def run(folder: Path) -> list[Row]:
    """One row a framework; what each wrote lies in ``folder``."""
    (folder / "stage").mkdir()
    wheel = build_client(folder)
    with set_stage(folder / "stage", changes=_MANY) as stage, broken_brokers() as broken, person() as agreeing:
        around = {
            "TRUST_BROKER_URL": stage.broker.url,
            "TRUST_BROKER_KEY": stage.broker.agent_key,
            "TRUST_BROKER_TIMEOUT_S": _TIMEOUT_S,
            "BROKEN_BROKERS_URL": broken,
            "PERSON_URL": agreeing,
        }
        played = [_played(one, environment(one, wheel), around, folder) for one in FRAMEWORKS]
    _show(played)
    passed = {one.framework: len(SCENES) - len(one.failed) for one in played}
    return [Row("Guards", f"{one.framework} {one.version}", passed[one.framework], 0, one.failed) for one in played]


def _played(framework: Framework, python: Path, around: dict[str, str], folder: Path) -> Played:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [python, _INSIDE / "scenes.py", framework.name],
        # Only what a stranger's process would have: the client comes from the wheel and from nowhere else.
        env={**kept, **around, "PYTHONPATH": str(_EXAMPLES), "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_PLAY_S,
        check=False,
    )
    (folder / f"{framework.name}.txt").write_text(done.stdout + done.stderr, "utf-8")
    try:
        outcomes = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        outcomes = dict.fromkeys(SCENES, f"did not run: see {folder / framework.name}.txt")
    return Played(framework.name, version(python, framework.distribution), outcomes)


def _show(played: Sequence[Played]) -> None:
    table = Table(title="Guards in their frameworks")
    for heading in ("framework", "version", *SCENES):
        table.add_column(heading)
    for one in played:
        marks = ["no" if one.outcomes.get(scene, "?") else "yes" for scene in SCENES]
        table.add_row(one.framework, one.version, *marks)
    Console().print(table)
