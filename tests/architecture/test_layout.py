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
