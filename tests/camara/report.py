"""What is printed: a table with a row for each API and version, and a reason for whatever did not simply pass."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.camara.outcomes import Outcome, Verdict

REASON_WIDTH = 170
REASONED = (Verdict.FAILED, Verdict.CONTRADICTED, Verdict.NOT_APPLICABLE)
HEADS = (*(verdict.value for verdict in Verdict), "total")


def report(played: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, then the reasons; ``played`` by what the rows are called."""
    rows = list(played.items())
    everything = [outcome for _, outcomes in rows for outcome in outcomes]
    width = max((len(name) for name, _ in rows), default=0)
    lines = [_line("", HEADS, width)]
    lines += [_line(name, _figures(outcomes), width) for name, outcomes in [*rows, ("in all", everything)]]
    share = 100 * sum(one.verdict is Verdict.NOT_APPLICABLE for one in everything) / max(1, len(everything))
    lines.append(f"not applicable: {share:.1f} % of {len(everything)}")
    for verdict in REASONED:
        lines += _reasons(verdict, rows)
    return "\n".join(lines) + "\n"


def _line(name: str, cells: Sequence[object], width: int) -> str:
    fitted = (f"{cell!s:>{len(head)}}" for cell, head in zip(cells, HEADS, strict=True))
    return "  ".join([name.ljust(width), *fitted]).rstrip()


def _figures(outcomes: Sequence[Outcome]) -> list[int]:
    count = Counter(outcome.verdict for outcome in outcomes)
    return [*(count[verdict] for verdict in Verdict), len(outcomes)]


def _reasons(verdict: Verdict, rows: Sequence[tuple[str, Sequence[Outcome]]]) -> list[str]:
    """Scenarios of one file set that end alike for one reason share a line."""
    lines: list[str] = []
    for name, outcomes in rows:
        alike: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.verdict is verdict:
                alike.setdefault(outcome.reason, []).append(outcome.scenario.key)
        for reason, keys in alike.items():
            which = keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"
            lines.append(f"  {name}: {which}: {reason[:REASON_WIDTH]}")
    return [f"{verdict}:", *lines] if lines else []
