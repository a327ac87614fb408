"""How much of what feature files say the vocabulary knows, without playing it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.camara.features import Scenario, read
from tests.camara.places import Group, Place
from tests.camara.runner import template, words_for


def coverage(found: Mapping[Group, Sequence[Place]], every_step: bool) -> str:
    """A row for each API and version, the sum, and what has no word."""
    lines: list[str] = []
    sums: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for (api, version), files in found.items():
        scenarios, unreadable = _scenarios(files)
        lines += unreadable
        # A template is not meant to be played: its steps have no meaning before something fills it in.
        steps = [step for one in scenarios if template(one.steps) is None for step in one.steps]
        lacking = [step for step in steps if words_for(step) is None]
        unknown.update(lacking)
        sums.update(steps=len(steps), lacking=len(lacking))
        lines.append(_row(f"{api} {version}", len(steps), len(lacking)))
    lines.append(_row("in all", sums["steps"], sums["lacking"]))
    if every_step:
        lines += [f"  {times} x {step}" for step, times in unknown.most_common()]
    return "\n".join(lines) + "\n"


def _row(name: str, steps: int, lacking: int) -> str:
    share = 100 * (steps - lacking) / max(1, steps)
    return f"{name}: {share:.1f} % of {steps} steps have a word"


def _scenarios(files: Sequence[Place]) -> tuple[list[Scenario], list[str]]:
    scenarios: list[Scenario] = []
    unreadable: list[str] = []
    for place in files:
        try:
            scenarios += read(*place.group, place.file)
        except ValueError as why:
            unreadable.append(f"not read: {str(why).splitlines()[0]}")
    return scenarios, unreadable
