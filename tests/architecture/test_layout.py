"""The top of the tree: what the owner chose, and beside it only what tools expect."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHOSEN = {"pyproject.toml", "README.md", "broker", "adapters", "tests", "openapi", "config"}
EXPECTED = {"Makefile", "LICENSE", "CHANGELOG.md", ".ci", ".git", ".gitignore", "requirements.lock"}


def test_nothing_else_lies_at_the_top() -> None:
    ignored = [line.strip().strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()]
    there = {path.name for path in ROOT.iterdir()} - CHOSEN - EXPECTED
    assert [name for name in sorted(there) if not any(fnmatch(name, pattern) for pattern in ignored)] == []


def test_verbs_lie_with_the_check_or_in_a_folder_named_after_their_room() -> None:
    rooms = {path.name for path in (ROOT / "broker").iterdir() if (path / "__init__.py").exists()}
    folders = {path.parent.name for path in (ROOT / "broker" / "usecases").glob("*/__init__.py")}
    assert len(folders) > 5
    assert folders <= rooms
