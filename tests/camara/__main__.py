"""``python -m tests.camara [PATH ...]``: play scenarios, print what came of them for each API and version.

A PATH is a feature file or a folder with some, wherever it lies; without one, the files beside the project are played.
API and version of a file are read from where it lies or from what is in it. Ends with 1 where a scenario failed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.camara.coverage import coverage
from tests.camara.outcomes import Outcome, Verdict
from tests.camara.report import report
from tests.camara.runner import grouped, play_group
from tests.support.mock_operator_schemas import DEFINITIONS


def main(arguments: Sequence[str]) -> int:
    """Play and print; the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        found = grouped(asked.paths or ([DEFINITIONS] if DEFINITIONS.is_dir() else []))
    except ValueError as why:
        sys.stderr.write(f"{why}\n")
        return 2
    if not found:
        sys.stdout.write("skipped: no feature files here, nor definitions beside the project\n")
        return 0
    if asked.coverage:
        sys.stdout.write(coverage(found, asked.unknown))
        return 0
    played: dict[str, list[Outcome]] = {}
    for group, files in found.items():
        played.setdefault(files[0].label, []).extend(play_group(group, files))
    sys.stdout.write(report(played))
    return int(any(one.verdict is Verdict.FAILED for outcomes in played.values() for one in outcomes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.camara", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a feature file, or a folder with some")
    parser.add_argument("--coverage", action="store_true", help="play nothing; print the share of steps with a word")
    parser.add_argument("--unknown", action="store_true", help="with --coverage: print the steps without a word too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
