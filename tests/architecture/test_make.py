"""The targets of the Makefile: each is listed, and each runs something that is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = re.findall(r"^([a-z]+):.*?(?:##|$)", MAKEFILE, flags=re.MULTILINE)
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str, timeout_s: float = 30.0) -> "subprocess.CompletedProcess[str]":
    """As somebody at a shell runs it: a make that runs these tests would have its own say in the output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def dry_run(target: str) -> str:
    done = make("-n", target)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_make
def test_help_lists_every_target_and_nothing_else() -> None:
    done = make("help")
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if line}
    (declared,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert listed == set(TARGETS) == set(declared.split())


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_what_a_target_runs_is_there(target: str) -> None:
    recipe = dry_run(target)
    for module in re.findall(r"python -m (tests\.[a-z.]+)", recipe):
        package = ROOT / module.replace(".", "/")
        assert (package / "__main__.py").exists() or package.with_suffix(".py").exists(), module
    for command in re.findall(r"\.venv/bin/([a-z-]+)", recipe):
        known = shutil.which(command, path=str(Path(sys.executable).parent))
        assert known is not None or command in {"python", "pip", "uv"}, command
    for subcommand in re.findall(r"trust-broker ([a-z]+)", recipe):
        assert f"def {subcommand}(" in (ROOT / "broker" / "surfaces" / "cli" / "app.py").read_text("utf-8")


@needs_make
@pytest.mark.proof
def test_the_demo_ends_after_its_table() -> None:
    done = make("demo", "ONCE=1", timeout_s=110)
    assert done.returncode == 0, done.stderr
    assert {"allow", "step_up", "deny"} <= set(re.findall(r"[a-z_]+", done.stdout))
