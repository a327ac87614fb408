"""Champion and challenger: compared on the same checks, and nobody promoted on little."""

import math

import msgspec
import pytest

from broker.domain.decision import Challenger
from broker.domain.outcome import TurnedOut
from broker.learning.lesson import Lesson
from broker.learning.rivals import POSITIVES_MIN, Rivals, RivalTally
from tests.unit.learning.lessons import lesson, said

FRAUD, GENUINE, UNKNOWN = TurnedOut.FRAUD, TurnedOut.GENUINE, TurnedOut.UNKNOWN


def judged(ours: float, theirs: float | None) -> Lesson:
    one = lesson(said("older", -0.2))
    assessment = msgspec.structs.replace(one.check.assessment, probability=ours)
    rival = None if theirs is None else Challenger(theirs, {})
    return msgspec.structs.replace(
        one, check=msgspec.structs.replace(one.check, assessment=assessment, challenger=rival)
    )


def compared(*rows: tuple[float, float | None, TurnedOut]) -> Rivals | None:
    tally = RivalTally()
    for ours, theirs, label in rows:
        tally.add(judged(ours, theirs), label)
    return tally.figures()


def test_losses_worked_by_hand() -> None:
    found = compared((0.5, 0.25, FRAUD), (0.5, 0.25, GENUINE))
    assert found is not None
    assert found.champion_loss == pytest.approx(math.log(2))
    assert found.challenger_loss == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)
    assert found.gain == pytest.approx(found.champion_loss - found.challenger_loss)
    assert (found.checks, found.fraud, found.interval, found.better) == (2, 1, None, None)


def test_what_nobody_knows_and_what_had_no_rival_counts_for_nobody() -> None:
    assert compared((0.5, 0.1, UNKNOWN), (0.5, None, FRAUD)) is None


@pytest.mark.parametrize(("ours", "theirs", "better"), [(0.2, 0.6, "challenger"), (0.6, 0.2, "champion")])
def test_who_is_better_is_said_on_enough_frauds_alone(ours: float, theirs: float, better: str) -> None:
    rows = [(ours + at / 10**4, theirs, FRAUD) for at in range(POSITIVES_MIN)]
    found, less = compared(*rows), compared(*rows[1:])
    assert found is not None
    assert less is not None
    assert (found.better, less.better) == (better, None)
    assert found.interval is not None
    assert found.interval.low <= found.gain <= found.interval.high


def test_where_it_may_be_chance_nobody_is_better() -> None:
    rows = [(0.4, 0.6, label) for label in (FRAUD, GENUINE) for _ in range(POSITIVES_MIN)]
    found = compared(*rows)
    assert found is not None
    assert found.better is None
