"""Seeded cases for the laws, by the ten thousand: one evidence and its variants, on which every law is tried at once.

Hypothesis looks for a case that breaks a law and makes it small; it spends milliseconds on each. These are plain and
many: a case is its number, so whatever breaks is drawn again with ``case(number)``. What laws need to know of the same
evidence is decided once.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    Contract,
    Flag,
    IdentityMatch,
    Match,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy.reading import NO_LOCATION_GIVEN
from broker.policy.scenarios import STATES
from tests.unit.policy import laws
from tests.unit.policy.kit import DAY, HOUR, NOW, all_classes, crowded_table, sim_bound, table
from tests.unit.policy.laws import AGES, CLEAN, Setting, aged, answer

NAMES = tuple(STATES)
REASONS = tuple(Unavailability)
CLASSES = tuple(ActionClass)
CONTRACTS = (None, *Contract)
CONFIRMATIONS = tuple(Confirmation)
CLAIMS = ("name", "birthdate", "address", "idDocument")
# Edges of bins and of gates; between them anything.
EDGES_S = (0.0, 1.0, HOUR, 12 * HOUR, DAY, DAY + 1, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 400 * DAY)
DAYS_AGO = (1, 2, 5, 20, 40, 400, 3650)


class Case(NamedTuple):
    """What the laws are tried on. ``pair``, ``ageing`` and ``absent`` are of the signal ``name``."""

    setting: Setting
    evidence: Evidence
    pair: tuple[Observed, Observed]
    ageing: tuple[Observed, Observed]
    name: SignalName
    absent: Unavailable | None
    order: Random


def case(number: int) -> Case:
    """The case of that number, always the same."""
    draw = Random(number)
    setting = Setting(
        draw.choice((table(), crowded_table())), draw.choice((all_classes(), sim_bound())), draw.choice(CLASSES), {}
    )
    name, elapsed_s = draw.choice(NAMES), _since(draw)
    ageing = aged(name, elapsed_s, elapsed_s + _since(draw), adverse=draw.random() < 0.4)
    better = ageing[0] if draw.random() < 0.6 else answer(name, _value(draw, name), elapsed_s)
    worse = answer(name, _worse(draw, better.value), elapsed_s)
    others = [one for other in NAMES if other is not name and (one := _any(draw, other)) is not None]
    return Case(
        setting=setting,
        evidence=Evidence.of([*others, better]),
        pair=(better, worse),
        ageing=ageing,
        name=name,
        absent=_unavailable(draw, name) if draw.random() < 0.7 else None,
        order=draw,
    )


def tried(law: Callable[..., None], drawn: Case) -> None:
    """One law on one case."""
    arguments: dict[str, Any] = {"setting": drawn.setting}
    for wanted in laws.LAWS[law]:
        arguments[wanted] = _GIVEN[wanted](drawn)
    law(**arguments)


def all_laws(numbers: Iterable[int]) -> int:
    """Try every law on each of these cases; how many there were.

    Raises:
        AssertionError: a law is broken, with its name and the number of the case.
    """
    count = 0
    for number in numbers:
        drawn = case(number)
        count += 1
        for law in laws.LAWS:
            try:
                tried(law, drawn)
            except Exception as error:
                raise AssertionError(f"{law.__name__} is broken: see tried({law.__name__}, case({number}))") from error
    return count


_GIVEN: dict[str, Callable[[Case], Any]] = {
    "evidence": lambda drawn: drawn.evidence,
    "others": lambda drawn: drawn.evidence,
    "pair": lambda drawn: drawn.pair,
    "ageing": lambda drawn: drawn.ageing,
    "absent": lambda drawn: drawn.absent,
    "elapsed_s": lambda drawn: (NOW - drawn.ageing[0].observed_at).total_seconds(),
    "name": lambda drawn: drawn.name,
    "one": lambda drawn: drawn.pair[0],
    "order": lambda drawn: drawn.order,
}


def _any(draw: Random, name: SignalName) -> Signal | None:
    kind = draw.random()
    if kind < 0.2:
        return None
    return _unavailable(draw, name) if kind < 0.32 else answer(name, _value(draw, name), _since(draw))


def _unavailable(draw: Random, name: SignalName) -> Unavailable:
    return Unavailable(name, draw.choice(REASONS), NO_LOCATION_GIVEN if draw.random() < 0.5 else None)


def _since(draw: Random) -> float:
    return 0.0 if draw.random() < 0.5 else draw.random() * 6 * HOUR


def _seconds(draw: Random) -> float:
    return draw.choice(EDGES_S) if draw.random() < 0.5 else draw.random() * 90 * DAY


def _value(draw: Random, name: SignalName) -> Value:
    if draw.random() < 0.6:  # most people are well, and floors and gates must not hide the rest
        return CLEAN[name]
    if name in AGES:
        return _age(draw)
    match CLEAN[name]:
        case Match():
            return Match(matched=draw.random() < 0.5)
        case Flag():
            return Flag(active=draw.random() < 0.5)
        case Presence():
            overlap = draw.choice(tuple(Overlap))
            rate = draw.randint(1, 99) if overlap is Overlap.PARTIAL and draw.random() < 0.7 else None
            return Presence(overlap, rate, draw.random() * HOUR if draw.random() < 0.5 else None)
        case Tenure():
            since = (NOW - timedelta(days=draw.choice(DAYS_AGO))).date()
            return Tenure(since, continuous=draw.random() < 0.5, contract=draw.choice(CONTRACTS))
        case _:
            claims = draw.sample(CLAIMS, draw.randint(1, len(CLAIMS)))
            return IdentityMatch(tuple(_claim(draw, one) for one in claims))


def _age(draw: Random) -> AgeRange:
    low, kind = _seconds(draw), draw.random()
    return AgeRange(low, low if kind < 0.4 else low + _seconds(draw) if kind < 0.7 else None)


def _claim(draw: Random, name: str) -> AttributeMatch:
    how = draw.choice(CONFIRMATIONS)
    scored = how is Confirmation.DIFFERS and draw.random() < 0.7
    return AttributeMatch(name, how, draw.randint(0, 100) if scored else None)


def _worse(draw: Random, value: Value) -> Value:
    match value:
        case Match():
            return Match(matched=False)
        case Flag():
            return Flag(active=True)
        case AgeRange():
            return _younger(draw, value)
        case Presence():
            return _farther(draw, value)
        case Tenure():
            return Tenure(value.since, continuous=False, contract=value.contract)
        case IdentityMatch():
            return IdentityMatch(tuple(laws.less(one, _fraction(draw)) for one in value.attributes))
        case _:
            raise AssertionError(f"{type(value).__name__} has no order yet")


def _younger(draw: Random, value: AgeRange) -> AgeRange:
    low = value.at_least_s * draw.random()
    if value.at_most_s is not None:
        return AgeRange(low, low + (value.at_most_s - low) * draw.random())
    width = _fraction(draw)
    return AgeRange(low, None if width is None else low + width * 90 * DAY)


def _farther(draw: Random, value: Presence) -> Presence:
    rate = draw.randint(1, 99) if draw.random() < 0.7 else None
    return laws.farther(value, _fraction(draw), draw.random(), rate)


def _fraction(draw: Random) -> float | None:
    return draw.random() if draw.random() < 0.7 else None
