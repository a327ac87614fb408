"""Both kinds of mutants of some modules, and what became of each."""

import json
import os
import queue
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.places import HERE, PROJECT, copy_of_the_project, tool
from tests.mutation.report import Fate
from tests.mutation.subjects import PYTEST, TESTS, Subject
from tests.mutation.tables import TableMutant, mutants

_JOBS = os.cpu_count() or 1
_SUITE_S = 600
_QUIET = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def of_functions(subjects: Sequence[Subject]) -> list[Fate]:
    """mutmut's mutants.

    Raises:
        subprocess.CalledProcessError: mutmut could not run, or the tests fail without any mutant.
    """
    folder = copy_of_the_project("functions")
    _configure(folder / "pyproject.toml", subjects)
    inside = [sys.executable, str(HERE / "inside.py"), str(tool())]
    subprocess.run([*inside, "run", "--max-children", str(_JOBS)], cwd=folder, env=_QUIET, check=True)
    told = subprocess.run([*inside, "tell"], cwd=folder, env=_QUIET, check=True, capture_output=True, text=True)
    return [_fate(json.loads(line)) for line in told.stdout.splitlines()]


def of_tables(subjects: Sequence[Subject]) -> list[Fate]:
    """Our own; each in a copy of the project, where the tests run until one fails."""
    free: queue.Queue[Path] = queue.Queue()
    for number in range(_JOBS):
        free.put(copy_of_the_project(f"tables-{number}"))
    work = [(one, mutant) for one in subjects for mutant in mutants((PROJECT / one.path).read_text("utf-8"))]
    with ThreadPoolExecutor(_JOBS) as pool:
        return list(pool.map(lambda one: _try(free, *one), work))


def _try(free: "queue.Queue[Path]", subject: Subject, mutant: TableMutant) -> Fate:
    folder = free.get()
    place, text = folder / subject.path, (PROJECT / subject.path).read_text("utf-8")
    try:
        place.write_text(mutant.text, "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", *PYTEST, *TESTS]
        done = subprocess.run(command, cwd=folder, env=_QUIET, capture_output=True, timeout=_SUITE_S, check=False)
        fate = Fate(subject.module, done.returncode != 0, f"{mutant.table}: {mutant.was}", mutant.instead)
        sys.stderr.write("." if fate.killed else f"\nalive: {fate.module}: {fate.was} -> {fate.instead}\n")
        return fate
    finally:
        place.write_text(text, "utf-8")
        free.put(folder)


def _fate(told: dict[str, str]) -> Fate:
    """A test that failed, or did not end, kills; a mutant that no test reaches or that ended otherwise is alive."""
    return Fate(told["module"], told["status"] in {"killed", "timeout"}, told["was"], told["instead"])


def _configure(path: Path, subjects: Sequence[Subject]) -> None:
    """Tell mutmut what to change; it reads the ``pyproject.toml`` of the folder that it works in."""
    settings = {
        "source_paths": ["broker"],
        "only_mutate": [one.path for one in subjects],
        "also_copy": ["adapters", "config", "tests", "openapi"],
        "pytest_add_cli_args_test_selection": list(TESTS),
        "pytest_add_cli_args": list(PYTEST),
        "use_git_change_detection": False,
    }
    text = path.read_text("utf-8") + "\n[tool.mutmut]\n" + "".join(f"{line}\n" for line in _toml(settings))
    tomllib.loads(text)
    path.write_text(text, "utf-8")


def _toml(settings: dict[str, object]) -> Iterator[str]:
    for name, value in settings.items():
        yield f"{name} = {json.dumps(value)}"  # lists of text and booleans are written alike in both
