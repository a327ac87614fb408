"""What is installed is what was looked at (threat T29): every package by version and hash."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
ENVIRONMENTS = [
    *sorted((ROOT / "tests" / "conformance" / "environments").glob("*.txt")),
    ROOT / "tests" / "mutation" / "requirements.txt",
]
PACKAGE_LOCKS = sorted((ROOT / "tests" / "conformance").rglob("package-lock.json"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,-]+\])?==[^\s;]+(?: ;.*)?$")
HASH = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")
# What is there before a lock can be read, or makes one: neither is part of what runs.
WITHOUT_PINS = {
    "virtualenv": "takes the place of a venv module that a distribution split off",
    "uv": "chooses the versions of which the hashes are then written down",
}


def unpinned(text: str) -> list[str]:
    """The requirements of a lock that have no exact version, or no hash."""
    entries = [
        [part.strip() for part in entry.split("\\\n")]
        for entry in re.split(r"\n(?=\S)", text)
        if entry and not entry.lstrip().startswith("#")
    ]
    found = []
    for head, *rest in entries:
        hashes = [line.split("\n")[0].strip() for line in rest]
        if not PIN.match(head) or not hashes or not all(map(HASH.match, hashes)):
            found.append(head)
    return found


def pinned(path: Path) -> set[str]:
    names = (PIN.match(line.removesuffix("\\").strip()) for line in path.read_text("utf-8").splitlines())
    return {normal(found[1]) for found in names if found}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", [LOCK, *ENVIRONMENTS], ids=lambda path: path.name)
def test_every_package_is_pinned_by_version_and_hash(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert pinned(lock), "there is something to look at"
    assert unpinned(text) == []


@pytest.mark.parametrize(
    "line",
    ["httpx", "httpx>=0.28", "httpx==0.28.1", "httpx @ git+https://example.com/x", "httpx==1 \\\n    --hash=md5:00"],
)
def test_a_package_that_is_not_is_found(line: str) -> None:
    assert unpinned(f"{LOCK.read_text('utf-8')}{line}\n") == [line.split(" \\", maxsplit=1)[0]]


def test_whatever_the_project_wants_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    wanted += [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    names = {normal(re.split(r"[\[<>=;~! ]", one)[0]) for one in wanted}
    assert names <= pinned(LOCK)


@pytest.mark.parametrize("path", PACKAGE_LOCKS, ids=lambda path: path.parent.name)
def test_every_package_of_node_is_pinned_by_hash(path: Path) -> None:
    packages: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["packages"]
    fetched = {name: one for name, one in packages.items() if name and not one.get("link")}
    assert fetched
    assert [name for name, one in fetched.items() if not one.get("integrity", "").startswith("sha512-")] == []


def test_nothing_is_installed_without_its_hash() -> None:
    """Our own code without its dependencies, and without an environment that pip would fetch for its build."""
    installs = re.findall(r"pip install ((?:[^\n\\&|;]|\\\n)+)", MAKEFILE)
    assert len(installs) >= 4
    for command in installs:
        own = "-e ." in command and {"--no-deps", "--no-build-isolation"} <= set(command.split())
        excused = command.split()[-1] in WITHOUT_PINS
        assert own or excused or "--require-hashes" in command, command


def test_installing_runs_no_code_of_ours() -> None:
    """No set-up script and no build hook, so nothing can be fetched or run while the package is built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert not (ROOT / "setup.py").exists()
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert "hooks" not in project["tool"]["hatch"].get("build", {})
