"""What a run says about a policy: ranking, calibration, cost, who is stopped and who is bothered."""

import math
from collections.abc import Callable, Iterable

import msgspec

from broker import figures
from broker.domain.decision import ActionClass, Outcome
from broker.figures import Band, Point, Rate, Row
from broker.simulation.labels import Known, known
from broker.simulation.rivals import Rivals, rivals
from broker.simulation.strategies import Strategy, strategies
from broker.simulation.tally import Tally, outcome_names
from broker.simulation.traffic import Behaviour

BAND_EDGES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3)
FLAGGED = 0.01
FAIR_MAX = 1.25
"""A group that is bothered more than this many times as often as all honest people together needs an explanation."""

_CURVE_POINTS = 120
_REFUSED = ("consents to everything", "refuses one signal", "refuses several")


class Ranking(msgspec.Struct, frozen=True):
    """How well the probability tells attacks from honest questions."""

    auc: float
    average_precision: float
    log_loss: float
    observed_over_expected: Rate
    recall_at_one_percent: float
    precision_recall: list[Point]
    bands: list[Band]


class Stopped(msgspec.Struct, frozen=True):
    """One kind of attack: sessions in which nothing was allowed, and what the sessions came to at worst."""

    stopped: Rate
    worst: dict[str, float]


class Group(msgspec.Struct, frozen=True):
    """A group of honest people: how often they are not simply allowed, and that against everybody."""

    bothered: Rate
    ratio: float


class Findings(msgspec.Struct, frozen=True):
    """Everything that the report shows of one run."""

    questions: int
    sessions: int
    attacks: int
    asked_per_question: float
    ranking: Ranking
    decisions: dict[str, dict[str, float]]
    """Shares of decisions by side (``honest``, ``attack``), corrected for oversampling."""
    calibration_by_class: dict[str, Rate]
    calibration_by_operator: dict[str, Rate]
    """Observed over expected."""
    attacks_stopped: dict[str, Stopped]
    behaviours_stopped: dict[str, Stopped]
    lives: dict[str, Group]
    countries: dict[str, Group]
    consents: dict[str, Group]
    operators: dict[str, Group]
    strategies: tuple[Strategy, ...]
    rivals: Rivals
    known: tuple[Known, ...]


def findings(tally: Tally) -> Findings:
    """Read a tally."""
    first = [at for at in range(len(tally)) if tally.attempt[at] == 0]
    rows = [_row(tally, at) for at in first]
    sessions = _Sessions(tally)
    everybody = figures.rate(tally.outcome[at] != Outcome.ALLOW for at in first if not tally.attack[at])
    return Findings(
        questions=len(tally),
        sessions=len(first),
        attacks=sum(tally.attack[at] for at in first),
        asked_per_question=sum(tally.asked) / max(len(tally), 1),
        ranking=ranking(rows),
        decisions={
            "honest": _decisions(tally, [at for at in first if not tally.attack[at]]),
            "attack": _decisions(tally, [at for at in first if tally.attack[at]]),
        },
        calibration_by_class=_calibration(tally, first, lambda at: ActionClass(tally.action_class[at]).wire),
        calibration_by_operator=_calibration(tally, first, lambda at: tally.names.operators[tally.operator[at]]),
        attacks_stopped=sessions.stopped(lambda at: tally.names.scenarios[tally.scenario[at]]),
        behaviours_stopped=sessions.stopped(lambda at: tuple(Behaviour)[tally.behaviour[at]].value),
        lives=_groups(tally, first, everybody, lambda at: tally.names.scenarios[tally.scenario[at]]),
        countries=_groups(tally, first, everybody, lambda at: tally.names.countries[tally.operator[at]]),
        consents=_groups(tally, first, everybody, lambda at: _REFUSED[min(tally.refused[at], len(_REFUSED) - 1)]),
        operators=_groups(tally, first, everybody, lambda at: tally.names.operators[tally.operator[at]]),
        strategies=strategies(tally, first),
        rivals=rivals(tally, first),
        known=known(tally, first),
    )


def ranking(rows: list[Row]) -> Ranking:
    """Ranking and calibration of scored rows."""
    return Ranking(
        auc=figures.auc(rows),
        average_precision=figures.average_precision(rows),
        log_loss=figures.log_loss(rows),
        observed_over_expected=figures.observed_over_expected(rows),
        recall_at_one_percent=figures.recall_at(rows, FLAGGED),
        precision_recall=_thinned(figures.precision_recall(rows)),
        bands=figures.bands(rows, BAND_EDGES),
    )


def stopped_share(tally: Tally) -> dict[str, Stopped]:
    """By kind of attack; what the stress runs are compared on."""
    return _Sessions(tally).stopped(lambda at: tally.names.scenarios[tally.scenario[at]])


class _Sessions:
    """Attackers' sessions: one row each, with the loosest decision of all its attempts."""

    def __init__(self, tally: Tally) -> None:
        loosest: dict[int, int] = {}
        first: dict[int, int] = {}
        for at in range(len(tally)):
            if tally.attack[at]:
                session = tally.session[at]
                first.setdefault(session, at)
                loosest[session] = min(loosest.get(session, Outcome.DENY), tally.outcome[at])
        self._rows = [(first[session], outcome) for session, outcome in loosest.items()]

    def stopped(self, key: Callable[[int], str]) -> dict[str, Stopped]:
        groups: dict[str, list[int]] = {}
        for at, outcome in self._rows:
            groups.setdefault(key(at), []).append(outcome)
        return {name: _stopped(outcomes) for name, outcomes in sorted(groups.items())}


def _stopped(outcomes: list[int]) -> Stopped:
    shares = {name: outcomes.count(at) / len(outcomes) for at, name in enumerate(outcome_names())}
    return Stopped(figures.rate(outcome != Outcome.ALLOW for outcome in outcomes), shares)


def _decisions(tally: Tally, rows: Iterable[int]) -> dict[str, float]:
    weights = [0.0] * len(Outcome)
    for at in rows:
        weights[tally.outcome[at]] += tally.weight[at]
    whole = math.fsum(weights) or 1.0
    return {name: weights[at] / whole for at, name in enumerate(outcome_names())}


def _row(tally: Tally, at: int) -> Row:
    return Row(tally.probability[at], bool(tally.attack[at]), tally.weight[at])


def _calibration(tally: Tally, rows: Iterable[int], key: Callable[[int], str]) -> dict[str, Rate]:
    groups: dict[str, list[Row]] = {}
    for at in rows:
        groups.setdefault(key(at), []).append(_row(tally, at))
    return {name: figures.observed_over_expected(group) for name, group in sorted(groups.items())}


def _groups(tally: Tally, rows: Iterable[int], everybody: Rate, key: Callable[[int], str]) -> dict[str, Group]:
    groups: dict[str, list[bool]] = {}
    for at in rows:
        if not tally.attack[at]:
            groups.setdefault(key(at), []).append(tally.outcome[at] != Outcome.ALLOW)
    return {name: _group(bothered, everybody) for name, bothered in sorted(groups.items())}


def _group(bothered: list[bool], everybody: Rate) -> Group:
    share = figures.rate(bothered)
    return Group(share, share.value / everybody.value if everybody.value else 1.0)


def _thinned(points: list[Point]) -> list[Point]:
    """Few enough points for a picture: the first at each step of recall."""
    kept: dict[int, Point] = {}
    for point in points:
        kept.setdefault(int(point.x * _CURVE_POINTS), point)
    return list(kept.values())
