"""``python -m tests.camara [ROOT]``: play every scenario, print what came of it for each API and version.

ROOT is laid out as ``<api>/<version>/{openapi.yaml,*.feature}``; without it, the definitions beside the project. Ends
with 1 where a scenario failed.
"""

import sys
from collections import Counter
from pathlib import Path

from tests.camara.outcomes import Outcome, Verdict
from tests.camara.runner import NOT_SERVED, groups_in, play_group
from tests.support.mock_operator_schemas import DEFINITIONS

REASON_WIDTH = 150


def main(arguments: list[str]) -> int:
    """Play and print; the exit status."""
    root = Path(arguments[0]) if arguments else DEFINITIONS
    groups = groups_in(root)
    if not groups:
        sys.stdout.write(f"skipped: no feature files in {root.name}/, the definitions are not beside the project\n")
        return 0
    outcomes: list[Outcome] = []
    for group, files in groups.items():
        played = list(play_group(root, group, files))
        sys.stdout.write(report(group, played))
        outcomes += played
    sys.stdout.write(summary(outcomes))
    return int(any(outcome.verdict is Verdict.FAILED for outcome in outcomes))


def report(group: tuple[str, str], played: list[Outcome]) -> str:
    """One line for an API and version, and below it a reason for each scenario that did not pass."""
    count = Counter(outcome.verdict for outcome in played)
    figures = ", ".join(f"{count[verdict]} {verdict}" for verdict in Verdict)
    head = f"{group[0]} {group[1]}: {figures}"
    if all(outcome.reason == NOT_SERVED for outcome in played):
        return f"{head} ({NOT_SERVED})\n"
    reasons = [
        f"    {outcome.verdict}: {outcome.scenario.key}: {outcome.reason[:REASON_WIDTH]}"
        for outcome in played
        if outcome.verdict is not Verdict.PASSED
    ]
    return "\n".join([head, *reasons]) + "\n"


def summary(outcomes: list[Outcome]) -> str:
    """The figures over everything, and over what the pretend operator serves."""
    reachable = [outcome for outcome in outcomes if outcome.reason != NOT_SERVED]
    count = Counter(outcome.verdict for outcome in reachable)
    share = 100 * count[Verdict.NOT_APPLICABLE] / max(1, len(reachable))
    figures = ", ".join(f"{count[verdict]} {verdict}" for verdict in Verdict)
    return (
        f"served APIs: {len(reachable)} scenarios: {figures} ({share:.1f} % not applicable)\n"
        f"not served: {len(outcomes) - len(reachable)} scenarios\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
