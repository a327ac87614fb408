"""What came of a run: one row a question, in columns, for there are hundreds of thousands of them."""

from array import array
from collections.abc import Iterable
from typing import Any

import msgspec

from broker.domain.decision import Outcome


class Names(msgspec.Struct, frozen=True):
    """What the numbers in a tally stand for."""

    scenarios: tuple[str, ...]
    operators: tuple[str, ...]
    countries: tuple[str, ...]
    """The country of each operator."""
    currencies: tuple[str, ...]
    """What each operator is paid in; empty where it has no prices."""


class Tally(msgspec.Struct):
    """One row a question, in columns; attempts after the first belong to the same session.

    ``naive`` says whether the operator reported a SIM change within seven days; ``asked`` counts questions to
    operators, in ``waves``, for ``cost``. The ``..._all`` are what asking everything that the policy wants at once
    would have come to; ``took`` and ``took_all`` are how long each waits for operators, in milliseconds. ``rival`` is
    the mixture's probability, ``reported_d`` after how many days an attack is reported (infinite: never), ``refused``
    how many signals the person refused.
    """

    names: Names
    probability: "array[float]"
    weight: "array[float]"
    cost: "array[float]"
    cost_all: "array[float]"
    took: "array[float]"
    took_all: "array[float]"
    rival: "array[float]"
    reported_d: "array[float]"
    attack: bytearray
    outcome: bytearray
    action_class: bytearray
    scenario: bytearray
    operator: bytearray
    behaviour: bytearray
    naive: bytearray
    asked: bytearray
    asked_all: bytearray
    outcome_all: bytearray
    waves: bytearray
    attempt: bytearray
    refused: bytearray
    session: "array[int]"

    @classmethod
    def empty(cls, names: Names) -> "Tally":
        """No rows yet."""
        columns: dict[str, Any] = {name: array("d") for name in _NUMBERS}
        columns |= {name: bytearray() for name in _BYTES}
        return cls(names=names, session=array("q"), **columns)

    def __len__(self) -> int:
        return len(self.attack)

    def extend(self, other: "Tally") -> None:
        """Add the rows of another shard, whose sessions are numbered on from ours."""
        offset = max(self.session, default=0)
        for column in _COLUMNS:
            getattr(self, column).extend(getattr(other, column))
        self.session.extend(offset + number for number in other.session)


_NUMBERS = ("probability", "weight", "cost", "cost_all", "took", "took_all", "rival", "reported_d")
_BYTES = (
    *("attack", "outcome", "outcome_all", "action_class", "scenario", "operator", "behaviour", "naive", "asked"),
    *("asked_all", "waves", "attempt", "refused"),
)
_COLUMNS = (*_NUMBERS, *_BYTES)


def merged(tallies: Iterable[Tally]) -> Tally:
    """All shards of a run in one, in the order given."""
    whole: Tally | None = None
    for tally in tallies:
        if whole is None:
            whole = Tally.empty(tally.names)
        whole.extend(tally)
    if whole is None:
        raise ValueError("no shard was played")
    return whole


def outcome_names() -> tuple[str, ...]:
    """The decision behind each number in ``outcome``."""
    return tuple(one.wire for one in Outcome)
