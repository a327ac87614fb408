"""Packages of a registry in a folder of their own, so that tools of tests meet neither each other nor the project."""

import shutil
import subprocess
import sys
from pathlib import Path


def installed(wanted: Path, folder: Path) -> Path:
    """The folder with the packages of a requirements file, installed by hash; made anew when that file changes."""
    seen = folder / ".requirements"
    if not seen.exists() or seen.read_text("utf-8") != wanted.read_text("utf-8"):
        shutil.rmtree(folder, ignore_errors=True)
        quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-conflicts"]
        command = [sys.executable, "-m", "pip", "install", *quiet, "--require-hashes", "--target", str(folder)]
        subprocess.run([*command, "-r", str(wanted)], check=True)
        shutil.copy(wanted, seen)
    return folder
