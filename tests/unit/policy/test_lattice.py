"""Every combination of a few states of every signal, compared with every change of one signal to a worse state.

The generated laws look anywhere; this looks everywhere on a grid, and as a proof makes over a million comparisons.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest

from broker.domain.decision import ActionClass, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    Flag,
    IdentityMatch,
    Match,
    Overlap,
    Presence,
    SignalName,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy.document import PolicyDocument
from tests.unit.policy.kit import DAY, HOUR, NOW, all_classes, sim_bound, table
from tests.unit.policy.laws import Setting, answer

# Per signal its values, worst first, the last one clean. None stands for an operator that did not answer.
Ladder = dict[SignalName, list[Value]]
Names = tuple[SignalName, ...]
Point = tuple[int, ...]
Score = tuple[float, float, int, Outcome]

LINE = (
    SignalName.SIM_SWAP,
    SignalName.DEVICE_SWAP,
    SignalName.NUMBER_VERIFICATION,
    SignalName.LOCATION,
    SignalName.CALL_FORWARDING,
)
HOLDER = (
    SignalName.SIM_SWAP,
    SignalName.NUMBER_VERIFICATION,
    SignalName.NUMBER_RECYCLING,
    SignalName.KYC_TENURE,
    SignalName.KYC_MATCH,
)
"""Two overlapping sets: all eight at once would be millions of points."""


TEN_YEARS_AGO = (NOW - timedelta(days=3650)).date()


def ladder(ages_s: list[float], rates: list[int]) -> Ladder:
    dates: list[Value] = [AgeRange(age_s, age_s) for age_s in ages_s]
    return {
        SignalName.SIM_SWAP: dates,
        SignalName.DEVICE_SWAP: dates,
        SignalName.NUMBER_VERIFICATION: [Match(matched=False), Match(matched=True)],
        SignalName.LOCATION: [
            Presence(Overlap.OUTSIDE),
            *(Presence(Overlap.PARTIAL, rate) for rate in rates),
            Presence(Overlap.INSIDE),
        ],
        SignalName.CALL_FORWARDING: [Flag(active=True), Flag(active=False)],
        SignalName.NUMBER_RECYCLING: [Flag(active=True), Flag(active=False)],
        SignalName.KYC_TENURE: [Tenure(TEN_YEARS_AGO, continuous=False), Tenure(TEN_YEARS_AGO, continuous=True)],
        SignalName.KYC_MATCH: [
            *(IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, rate),)) for rate in rates),
            IdentityMatch((AttributeMatch("name", Confirmation.AGREES),)),
        ],
    }


BRIEF = ladder([3 * HOUR, 30 * HOUR, 5 * DAY, 400 * DAY], [50])
FULL = ladder(
    [
        12 * HOUR,
        DAY,
        DAY + 1,
        30 * HOUR,
        2 * DAY,
        3 * DAY,
        5 * DAY,
        7 * DAY,
        9 * DAY,
        12 * DAY,
        20 * DAY,
        30 * DAY,
        400 * DAY,
    ],
    [1, 30, 50, 70, 99],
)


def compared(setting: Setting, states: Ladder, names: Names) -> int:
    """How many comparisons held; fails at the first that does not."""
    states = {name: states[name] for name in names}
    points = product(*(range(len(values) + 1) for values in states.values()))
    scores = {point: score(setting, states, point) for point in points}
    count = 0
    for point, better in scores.items():
        for worse in worse_points(point, states):
            count += 1
            assert not_better(better, scores[worse]), (point, worse)
    return count


def score(setting: Setting, states: Ladder, point: Point) -> Score:
    evidence = Evidence.of(
        answer(name, states[name][at]) if at < len(states[name]) else Unavailable(name, Unavailability.TIMEOUT)
        for name, at in zip(states, point, strict=True)
    )
    assessment, decision = setting.run(evidence)
    return assessment.evidence, assessment.probability, -assessment.trust_score, decision.outcome


def worse_points(point: Point, states: Ladder) -> Iterator[Point]:
    """One signal at any worse state; and, from clean, at no answer."""
    for axis, (name, at) in enumerate(zip(states, point, strict=True)):
        clean, silent = len(states[name]) - 1, len(states[name])
        if at == silent:
            continue
        others = [*range(at), silent] if at == clean else range(at)
        yield from ((*point[:axis], other, *point[axis + 1 :]) for other in others)


def not_better(better: Score, worse: Score) -> bool:
    return all(right >= left for left, right in zip(better, worse, strict=True))


CASES = [
    pytest.param(document, action_class, id=f"{document.id}-{action_class.wire}")
    for document in (all_classes(), sim_bound())
    for action_class in ActionClass
]


@pytest.mark.parametrize("names", [LINE, HOLDER], ids=["line", "holder"])
@pytest.mark.parametrize(("document", "action_class"), CASES)
def test_no_step_to_a_worse_state_helps(document: PolicyDocument, action_class: ActionClass, names: Names) -> None:
    assert compared(Setting(table(), document, action_class), BRIEF, names) > 1_000


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("names", [LINE, HOLDER], ids=["line", "holder"])
@pytest.mark.parametrize(("document", "action_class"), CASES)
def test_no_step_among_all_of_them_helps(document: PolicyDocument, action_class: ActionClass, names: Names) -> None:
    assert compared(Setting(table(), document, action_class), FULL, names) > 5_000
