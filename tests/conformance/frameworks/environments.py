"""An environment of its own for each framework, with the client's own distribution in it and nothing else of ours."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conformance.places import HERE, PLACE

PROJECT = HERE.parents[1]
_INSTALL_S, _BUILD_S = 1800, 120


class Framework(NamedTuple):
    """A framework and the distribution whose version the table names."""

    name: str
    distribution: str


FRAMEWORKS = (
    Framework("langchain", "langchain"),
    Framework("openai_agents", "openai-agents"),
    Framework("pydantic_ai", "pydantic-ai-slim"),
    Framework("claude_agent", "claude-agent-sdk"),
    Framework("google_adk", "google-adk"),
    Framework("crewai", "crewai"),
)


def build_client(folder: Path) -> Path:
    """The wheel of the client, as whoever builds an agent installs it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(PROJECT / "broker" / "client" / "distribution")], check=True, timeout=_BUILD_S)
    (wheel,) = folder.glob("trust_broker_client-*.whl")
    return wheel


def environment(framework: Framework, wheel: Path) -> Path:
    """The interpreter of the framework's environment; made once for each list of pinned requirements."""
    wanted = HERE / "environments" / f"{framework.name}.txt"
    folder = PLACE / f"{framework.name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=_BUILD_S)
        _pip(python, "--require-hashes", "-r", str(wanted))
        ready.touch()
    _pip(python, "--no-deps", "--force-reinstall", str(wheel))
    return python


def version(python: Path, distribution: str) -> str:
    """Of an installed distribution."""
    script = f"import importlib.metadata as m, json; print(json.dumps(m.version({distribution!r})))"
    done = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    return str(json.loads(done.stdout))


def _pip(python: Path, *arguments: str) -> None:
    """Our own pip, at work on the other environment: that one needs none."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True, timeout=_INSTALL_S)
