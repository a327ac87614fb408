"""What is known of attacks, and when: victims notice late, and some never say so."""

from collections.abc import Sequence

import msgspec

from broker import figures
from broker.figures import Rate, Row
from broker.simulation.tally import Tally

DAYS = (1, 7, 30, 90)
"""Days after a question; at the last of them silence counts as genuine (``learning/lesson.py``)."""


class Known(msgspec.Struct, frozen=True):
    """What whoever looks ``days`` after each question knows.

    ``reported`` is the share of attacks that somebody has reported by then; ``seems`` observed over expected as it
    looks then, where what was not reported is taken for genuine.
    """

    days: int
    reported: Rate
    seems: Rate


def known(tally: Tally, rows: Sequence[int]) -> tuple[Known, ...]:
    """At each of :data:`DAYS`; stopped attacks are reported as others are, for the person hears of the attempt."""
    return tuple(_known(tally, rows, days) for days in DAYS)


def _known(tally: Tally, rows: Sequence[int], days: int) -> Known:
    said = [bool(tally.attack[at]) and tally.reported_d[at] <= days for at in rows]
    attacks = figures.rate(one for one, at in zip(said, rows, strict=True) if tally.attack[at])
    seen = [Row(tally.probability[at], one, tally.weight[at]) for one, at in zip(said, rows, strict=True)]
    return Known(days, attacks, figures.observed_over_expected(seen))
