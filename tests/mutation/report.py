"""What became of the mutants: those that died, those that change nothing, and the page that says so."""

import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.mutation.subjects import SUBJECTS, Subject

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"


class Fate(NamedTuple):
    """One mutant: the text that was changed and what stood there instead; both may be empty where it was killed."""

    module: str
    killed: bool
    was: str = ""
    instead: str = ""


class Equivalent(NamedTuple):
    """A mutant that no test can kill, because it says the same in other words; ``why`` is the argument."""

    module: str
    was: str
    instead: str
    why: str


class Row(NamedTuple):
    """One module. ``survived`` are mutants that neither died nor are excused."""

    subject: Subject
    killed: int
    equivalent: int
    survived: tuple[Fate, ...]

    @property
    def share(self) -> float:
        """Of the mutants that mean something, those that were killed; none at all is no proof."""
        meant = self.killed + len(self.survived)
        return self.killed / meant if meant else 0.0

    @property
    def reached(self) -> bool:
        """Whether the target is."""
        return self.share >= self.subject.least


def equivalents() -> tuple[Equivalent, ...]:
    """Those of ``equivalent.toml``."""
    found = tomllib.loads((HERE / "equivalent.toml").read_text("utf-8"))
    return tuple(Equivalent(**one) for one in found.get("mutant", ()))


def rows(fates: Sequence[Fate], excused: Iterable[Equivalent], subjects: Sequence[Subject] = SUBJECTS) -> list[Row]:
    """One for each subject; the order is theirs."""
    same = {(one.module, one.was, one.instead) for one in excused}
    return [_row(subject, [one for one in fates if one.module == subject.module], same) for subject in subjects]


def _row(subject: Subject, fates: Sequence[Fate], same: set[tuple[str, str, str]]) -> Row:
    alive = [one for one in fates if not one.killed]
    left = tuple(one for one in alive if (one.module, one.was, one.instead) not in same)
    return Row(subject, len(fates) - len(alive), len(alive) - len(left), left)


def stale(fates: Sequence[Fate], excused: Iterable[Equivalent]) -> list[Equivalent]:
    """Excuses for what was killed after all, or is not there any more."""
    modules = {one.module for one in fates}
    alive = {(one.module, one.was, one.instead) for one in fates if not one.killed}
    return [one for one in excused if one.module in modules and (one.module, one.was, one.instead) not in alive]


def page(found: Sequence[Row], excused: Sequence[Equivalent], seconds: float) -> str:
    """The last result, for a reader."""
    table = "\n".join(
        f"| `policy/{row.subject.module}.py` | {row.killed} | {row.equivalent} | {len(row.survived)} "
        f"| {row.share:.1%} | {row.subject.least:.0%} | {'yes' if row.reached else 'NO'} |"
        for row in found
    )
    alive = "\n".join(f"- `{one.module}`: `{one.was}` → `{one.instead}`" for row in found for one in row.survived)
    same = "\n".join(f"- `{one.module}`: `{one.was}` → `{one.instead}`: {one.why}" for one in excused)
    return _PAGE.format(
        day=datetime.now(UTC).date(), minutes=round(seconds / 60), table=table, alive=alive or "None.", same=same
    )


_PAGE = """# Mutants of the rules

Repeat with `make mutants` (`MODULES="gates costs"` does those alone and leaves this page as it is). mutmut changes each
function of these modules, and `tests/mutation/tables.py` each entry of their tables, one at a time. A mutant is killed
where one of the tests that `tests/mutation/subjects.py` names fails. The long laws (`test_laws.py`) take no part: what
the examples do not notice counts as alive. The targets are those of `scoring.md`, section 12: every mutant of a gate,
and 95 % of the others.

{day}, {minutes} minutes.

| module | killed | equivalent | survived | share | at least | reached |
| --- | --- | --- | --- | --- | --- | --- |
{table}

## Survived

{alive}

## Equivalent: these say the same in other words

{same}
"""
