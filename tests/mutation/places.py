"""Where mutants live: a copy of the project under ``.mutants``, and beside it the tool, installed by hash."""

import shutil
from pathlib import Path

from tests.support.installed import installed

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PLACE = PROJECT / ".mutants"
_COPIED = ("adapters", "broker", "config", "openapi", "tests", "pyproject.toml")
_LEFT = shutil.ignore_patterns("__pycache__")


def tool() -> Path:
    """A folder with mutmut and what it needs."""
    return installed(HERE / "requirements.txt", PLACE / "tool")


def copy_of_the_project(name: str) -> Path:
    """A fresh copy of what the tests of the rules need, without anything compiled."""
    folder = PLACE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in _COPIED:
        if (PROJECT / part).is_dir():
            shutil.copytree(PROJECT / part, folder / part, ignore=_LEFT)
        else:
            shutil.copy(PROJECT / part, folder)
    return folder
