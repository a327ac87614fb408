"""The AuthZEN certification scenario as it is told in ``tests/stories/test_authzen.py``."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conformance.report import Row

_STORY = Path(__file__).parents[1] / "stories" / "test_authzen.py"
_COUNT = re.compile(r"(\d+) passed")
_FAILED = re.compile(r"^FAILED \S+::(\S+)", re.MULTILINE)


def run(folder: Path) -> list[Row]:
    """One row: the levels Basic, Batch and Discovery; Search is not offered."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(_STORY)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    (folder / "pytest.txt").write_text(done.stdout + done.stderr, "utf-8")
    failed = tuple(_FAILED.findall(done.stdout))
    if done.returncode and not failed:
        failed = (f"pytest ended with {done.returncode}: see {folder / 'pytest.txt'}",)
    found = _COUNT.search(done.stdout)
    return [Row("AuthZEN 1.0", "Basic, Batch, Discovery", int(found[1]) if found else 0, 0, failed)]
