"""``make conformance``: every suite, one table, and an exit code. Names given run those suites alone."""

import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.conformance import authzen
from tests.conformance.clients import run as clients
from tests.conformance.frameworks import run as frameworks
from tests.conformance.mcp import run as mcp
from tests.conformance.places import PLACE
from tests.conformance.report import Row, show
from tests.conformance.typescript import run as typescript

SUITES: Mapping[str, Callable[[Path], list[Row]]] = {
    "mcp": mcp.run,
    "authzen": authzen.run,
    "camara": clients.run,
    "frameworks": frameworks.run,
    "typescript": typescript.run,
}


def main(names: list[str]) -> int:
    """Run; 0 where nothing failed that is not excused with a reason, 2 where there is no such suite."""
    unknown = set(names) - SUITES.keys()
    if unknown:
        sys.stderr.write(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}\n")
        return 2
    logging.disable(logging.WARNING)  # the servers under test run in this process
    rows: list[Row] = []
    for name in names or SUITES:
        folder = PLACE / "runs" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sys.stderr.write(f"{name} …\n")
        rows += SUITES[name](folder)
    show(rows)
    return 1 if any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
