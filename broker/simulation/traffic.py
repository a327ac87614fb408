"""Who asks for what, and when: honest agents, and attackers' agents, some of which shop around or cut up amounts.

A session is one intention of one person or attacker; its attempts are the questions. Attacks are as frequent as the
policy takes them to be for the class of the action, played more often by the file's factor and weighted down by as
much.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import NamedTuple

from broker.domain.check import Action, Amount
from broker.domain.decision import ActionClass
from broker.policy.scenarios import TableFile
from broker.simulation.lives import DAY_S, Episode, Lives
from broker.simulation.network import Line
from broker.simulation.parameters import AskedAction, Operator, WorldFile

ClassOf = Callable[[Action], tuple[ActionClass, float]]
"""The class of an action and the probability of fraud that its policy starts from."""

_PRIOR_MAX = 0.5
"""However often attacks are played, honest questions stay at least half."""

_CENT = Decimal("0.01")


class Adaptation(StrEnum):
    """What attackers do who know the broker; each replaces every takeover of the table."""

    WAITS = "waits"
    SUPPRESSES = "suppresses"
    KEEPS_HANDSET = "keeps_handset"


class Behaviour(StrEnum):
    """How a session goes about it."""

    ONCE = "once"
    SHOPPING = "shopping"
    SPLITTING = "splitting"


class Question(NamedTuple):
    """One question with the truth behind it; ``weight`` corrects for attacks played more often than they happen."""

    at_s: float
    session: int
    attempt: int
    operator: Operator
    line: Line
    action: Action
    attack: bool
    behaviour: Behaviour
    weight: float
    reported_d: float = math.inf
    """After how many days an attack is reported; infinite where nobody ever says so."""


class Traffic:
    """Draws sessions of subscribers.

    Args:
        world: the parameters.
        table: the scenarios.
        class_of: what the policy says of an action.
        random: the only source of chance.
        attack_factor: attacks as many times as often as the policy believes.
        adaptation: how attackers adapt, if they do.
        reports: the source of chance for what is reported, and when; ``random`` where it is left out.
    """

    def __init__(
        self,
        world: WorldFile,
        table: TableFile,
        class_of: ClassOf,
        random: Random,
        *,
        attack_factor: float = 1.0,
        adaptation: Adaptation | None = None,
        reports: Random | None = None,
    ) -> None:
        self._world = world
        self._random = random
        self._reports = reports or random
        self._class_of = class_of
        self._factor = attack_factor
        self._adaptation = adaptation
        self._lives = Lives(table, random)
        self._operators = [one.share for one in world.operators]
        self._actions = [one.share for one in world.actions]
        self._sessions = 0

    def questions(self, count: int) -> Iterator[Question]:
        """``count`` questions, subscriber after subscriber; in order of time for each of them."""
        left = count
        while left > 0:
            for question in self._of_one_person():
                yield question
                left -= 1
                if left == 0:
                    return

    def _of_one_person(self) -> Iterator[Question]:
        operator = self._random.choices(self._world.operators, self._operators)[0]
        refused = frozenset(name for name, share in self._world.consents.items() if self._random.random() >= share)
        span_s = self._world.days * DAY_S
        times = sorted(self._random.uniform(0.0, span_s) for _ in range(self._sessions_of_one()))
        episode, seen_s = None, 0.0
        for at_s in times:
            action = self._action()
            attack, weight = self._side(action)
            if attack:
                yield from self._attacked(operator, at_s, action, weight)
                continue
            episode = self._lives.honest(at_s) if episode is None else self._lives.later(episode, seen_s, at_s)
            seen_s = at_s
            yield from self._honest(operator, Line(episode, refused), at_s, action, weight)

    def _sessions_of_one(self) -> int:
        """At least one, geometric, with the file's mean."""
        more = 1.0 - 1.0 / max(self._world.sessions_per_subject, 1.0)
        count = 1
        while self._random.random() < more:
            count += 1
        return count

    def _side(self, action: Action) -> tuple[bool, float]:
        _, prior = self._class_of(action)
        true_share = min(prior * self._factor, _PRIOR_MAX)
        played = min(true_share * self._world.attack_oversampling, _PRIOR_MAX)
        if self._random.random() < played:
            return True, true_share / played
        return False, (1.0 - true_share) / (1.0 - played)

    def _honest(self, operator: Operator, line: Line, at_s: float, action: Action, weight: float) -> Iterator[Question]:
        self._sessions += 1
        again = self._random.random() < self._world.agents.honest_retries
        for attempt in range(2 if again else 1):
            instant = at_s + attempt * 60.0
            yield Question(
                instant,
                self._sessions,
                attempt,
                operator,
                line,
                action,
                attack=False,
                behaviour=Behaviour.ONCE,
                weight=weight,
            )

    def _attacked(self, operator: Operator, at_s: float, action: Action, weight: float) -> Iterator[Question]:
        self._sessions += 1
        line = self._victim(at_s)
        behaviour = self._behaviour(action)
        reported_d = self._reported_d()
        for attempt, tried in enumerate(self._attempts(action, behaviour)):
            instant = at_s + attempt * self._world.agents.pause_s
            yield Question(
                instant,
                self._sessions,
                attempt,
                operator,
                line,
                tried,
                attack=True,
                behaviour=behaviour,
                weight=weight,
                reported_d=reported_d,
            )

    def _reported_d(self) -> float:
        """By a chance of its own, so that what is reported changes nothing of what happens."""
        labels = self._world.labels
        if self._reports.random() >= labels.reported:
            return math.inf
        return labels.median_days * self._reports.lognormvariate(0.0, labels.sigma)

    def _victim(self, at_s: float) -> Line:
        episode = self._lives.attacked(at_s)
        adaptive = self._world.adaptive
        match self._adaptation:
            case None:
                return Line(episode)
            case Adaptation.WAITS:
                delay_s = adaptive.waits.wait_days * DAY_S
                aged = {name: instant - delay_s for name, instant in episode.changed_at_s.items()}
                return Line(Episode(episode.scenario, episode.ends_s, aged, episode.states))
            case Adaptation.SUPPRESSES:
                return Line(episode, suppressed=adaptive.suppresses.missing)
            case Adaptation.KEEPS_HANDSET:
                return Line(self._lives.with_old_handset(episode, at_s))

    def _behaviour(self, action: Action) -> Behaviour:
        agents, drawn = self._world.agents, self._random.random()
        if drawn < agents.shopping:
            return Behaviour.SHOPPING
        splits = action.amount is not None and drawn < agents.shopping + agents.splitting
        return Behaviour.SPLITTING if splits else Behaviour.ONCE

    def _attempts(self, action: Action, behaviour: Behaviour) -> Iterator[Action]:
        match behaviour:
            case Behaviour.ONCE:
                yield action
            case Behaviour.SHOPPING:
                yield action
                for _ in range(self._world.agents.attempts - 1):
                    yield self._action()
            case Behaviour.SPLITTING:
                part = _divided(action, self._world.agents.splits)
                for _ in range(self._world.agents.splits):
                    yield part

    def _action(self) -> Action:
        drawn = self._random.choices(self._world.actions, self._actions)[0]
        flags: Mapping[str, bool] = {name: self._random.random() < share for name, share in drawn.flags.items()}
        return Action(drawn.type, self._amount(drawn), None, dict(flags))

    def _amount(self, asked: AskedAction) -> Amount | None:
        if asked.amount is None:
            return None
        value = asked.amount.median * self._random.lognormvariate(0.0, asked.amount.sigma)
        return Amount(Decimal(repr(value)).quantize(_CENT), asked.amount.currency)


def _divided(action: Action, parts: int) -> Action:
    if action.amount is None:
        return action
    part = Amount((action.amount.value / parts).quantize(_CENT), action.amount.currency)
    return Action(action.type, part, action.resource, action.attributes)
