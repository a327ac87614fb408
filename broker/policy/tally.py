"""Champion and challenger in numbers: what a candidate would have decided, beside what was decided."""

import math
from collections.abc import Iterable

import msgspec

from broker.domain.decision import Outcome

GROUPS_MAX = 500
EXAMPLES_MAX = 20
OTHERS = "(others)"
_Z = 1.959963984540054
_COSTS_MIN = 30


class Comparison(msgspec.Struct, frozen=True):
    """One check, decided twice.

    ``cost_change`` is what the candidate's outcome was expected to cost less what the one in force was, both by the
    probability and the costs of the policy in force: one yardstick, or a candidate could win by calling losses small.
    ``unanswered`` are signals that the candidate wants and nobody asked; ``unneeded`` those asked that it does not.
    """

    check_id: str
    consumer: str
    agent: str | None
    action_type: str
    decided: Outcome
    candidate: Outcome
    cost: float
    cost_change: float
    unanswered: int
    unneeded: int


class Group(msgspec.Struct):
    """Counts of one agent's checks of one action type."""

    consumer: str
    agent: str | None
    action_type: str
    checks: int = 0
    looser: int = 0
    stricter: int = 0

    def add(self, other: "Group") -> None:
        """Add another's counts."""
        self.checks += other.checks
        self.looser += other.looser
        self.stricter += other.stricter


class Tally(msgspec.Struct):
    """What was counted; two tallies of different checks add up to that of both."""

    checks: int = 0
    looser: int = 0
    stricter: int = 0
    incomplete: int = 0
    signals_unanswered: int = 0
    signals_unneeded: int = 0
    cost: float = 0.0
    cost_change: float = 0.0
    cost_change_squares: float = 0.0
    dropped: int = 0
    failed: int = 0
    moves: dict[str, int] = {}
    groups: list[Group] = []
    examples: list[str] = []

    def count(self, one: Comparison) -> None:
        """Count one check."""
        looser, stricter = one.candidate < one.decided, one.candidate > one.decided
        self.checks += 1
        self.looser += looser
        self.stricter += stricter
        self.incomplete += one.unanswered > 0
        self.signals_unanswered += one.unanswered
        self.signals_unneeded += one.unneeded
        self.cost += one.cost
        self.cost_change += one.cost_change
        self.cost_change_squares += one.cost_change**2
        if looser or stricter:
            move = f"{one.decided.wire} -> {one.candidate.wire}"
            self.moves[move] = self.moves.get(move, 0) + 1
            if len(self.examples) < EXAMPLES_MAX:
                self.examples.append(one.check_id)
        self._group(Group(one.consumer, one.agent, one.action_type, 1, int(looser), int(stricter)))

    def add(self, other: "Tally") -> None:
        """Add what another counted."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for move, count in other.moves.items():
            self.moves[move] = self.moves.get(move, 0) + count
        for group in other.groups:
            self._group(group)
        self.examples = [*self.examples, *other.examples][:EXAMPLES_MAX]

    def _group(self, given: Group) -> None:
        key = (given.consumer, given.agent, given.action_type)
        for group in self.groups:
            if (group.consumer, group.agent, group.action_type) == key:
                group.add(given)
                return
        if len(self.groups) < GROUPS_MAX:
            self.groups.append(msgspec.structs.replace(given))
            return
        others = self.groups[-1]
        if others.consumer != OTHERS:
            others.consumer, others.agent, others.action_type = OTHERS, None, OTHERS
        others.add(given)


_NUMBERS = (
    "checks",
    "looser",
    "stricter",
    "incomplete",
    "signals_unanswered",
    "signals_unneeded",
    "cost",
    "cost_change",
    "cost_change_squares",
    "dropped",
    "failed",
)


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of several."""
    whole = Tally()
    for one in tallies:
        whole.add(one)
    return whole


def share_interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; 0 to 1 where nothing was counted."""
    if whole == 0:
        return 0.0, 1.0
    share, z2 = part / whole, _Z**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = _Z / (1 + z2 / whole) * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def cost_interval(tally: Tally) -> tuple[float, float] | None:
    """The 95 % interval of the mean change of cost a check (normal, paired); ``None`` below 30 checks."""
    if tally.checks < _COSTS_MIN:
        return None
    mean = tally.cost_change / tally.checks
    variance = max(0.0, tally.cost_change_squares / tally.checks - mean**2) * tally.checks / (tally.checks - 1)
    half = _Z * math.sqrt(variance / tally.checks)
    return mean - half, mean + half
