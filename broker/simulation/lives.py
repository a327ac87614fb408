"""What people live through: scenarios of the evidence table, drawn, lasting, remembered from one question to the next.

An honest life is a renewal process that is stationary from the start: at any instant the shares of the scenarios are
those of the table. A change of SIM or handset happens once, at an instant, and grows older from then on.
"""

import math
from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from broker.domain.signal import SignalName
from broker.policy.scenarios import AGE_STATES, STATES, Mix, Scenario, TableFile

DAY_S = 86_400.0
EPISODE_S = 30 * DAY_S
"""How long an upheaval shows: the table's ages end there."""

_EDGES_S = (0.0, DAY_S, 3 * DAY_S, 7 * DAY_S, 14 * DAY_S, 30 * DAY_S)
_OLDER_MEAN_S = 730 * DAY_S
_EACH_TIME = frozenset({SignalName.LOCATION})
"""Where somebody is changes from one session to the next; everything else lasts as long as its episode."""


class Episode(msgspec.Struct):
    """A stretch of a life: its scenario, when it ends, when what last changed, and the states of everything else.

    Instants are seconds from the start of the world; those of changes are mostly negative.
    """

    scenario: str
    ends_s: float
    changed_at_s: dict[SignalName, float]
    states: dict[SignalName, str]

    def age_s(self, name: SignalName, at_s: float) -> float:
        """How long ago something changed, seen from ``at_s``."""
        return max(0.0, at_s - self.changed_at_s[name])


class Lives:
    """Draws lives from the scenario table.

    Args:
        table: validated; its shares are those of the world.
        random: the only source of chance.
    """

    def __init__(self, table: TableFile, random: Random) -> None:
        self._random = random
        self._legitimate = table.scenarios.legitimate
        self._attack = table.scenarios.attack
        self._states = {
            name: {
                label: _spread(profile.states, STATES[name]) for label, profile in table.signals[name].profiles.items()
            }
            for name in STATES
        }
        self._mixes = {
            id(scenario): {name: scenario.signals.get(name, table.background[name]) for name in STATES}
            for scenario in (*self._legitimate.values(), *self._attack.values())
        }
        self._steady = max(self._legitimate, key=lambda name: self._legitimate[name].share)

    def honest(self, at_s: float) -> Episode:
        """Somebody's life at an instant, when they are first met."""
        label = self._pick({name: one.share for name, one in self._legitimate.items()})
        return self._episode(label, self._legitimate[label], at_s, self._ends_s(label, at_s))

    def later(self, episode: Episode, seen_s: float, at_s: float) -> Episode:
        """The same life at a later instant; what had changed stays changed, and something new may have begun."""
        if at_s < episode.ends_s:
            return self._elsewhere(episode)
        label = self._upheaval(at_s - max(seen_s, episode.ends_s))
        if label is None:
            return self._elsewhere(episode) if episode.scenario == self._steady else self._calm(episode, at_s)
        began = self._episode(label, self._legitimate[label], at_s, at_s + EPISODE_S * self._random.random())
        # Nothing can have changed before it was seen unchanged.
        for name, instant in began.changed_at_s.items():
            if instant <= seen_s:
                began.changed_at_s[name] = episode.changed_at_s[name]
        return began

    def attacked(self, at_s: float, *, scenario: str | None = None) -> Episode:
        """A victim's line while an attack is under way; the scenario is drawn unless it is given."""
        label = scenario or self._pick({name: one.share for name, one in self._attack.items()})
        return self._episode(label, self._attack[label], at_s, at_s + EPISODE_S)

    def with_old_handset(self, episode: Episode, at_s: float) -> Episode:
        """The same episode on the victim's own handset."""
        old_s = at_s - self._age_s(AGE_STATES[-1])
        changed = episode.changed_at_s | {SignalName.DEVICE_SWAP: old_s}
        return msgspec.structs.replace(episode, changed_at_s=changed)

    def _ends_s(self, label: str, at_s: float) -> float:
        return at_s if label == self._steady else at_s + EPISODE_S * self._random.random()

    def _upheaval(self, gap_s: float) -> str | None:
        """What began in the gap and still lasts, if anything does: at the rates that keep the table's shares."""
        calm = self._legitimate[self._steady].share
        rates = {name: one.share / calm for name, one in self._legitimate.items() if name != self._steady}
        if self._random.random() >= -math.expm1(-sum(rates.values()) * min(gap_s / EPISODE_S, 1.0)):
            return None
        return self._pick(rates)

    def _calm(self, episode: Episode, at_s: float) -> Episode:
        fresh = self._episode(self._steady, self._legitimate[self._steady], at_s, at_s)
        return msgspec.structs.replace(fresh, changed_at_s=episode.changed_at_s)

    def _elsewhere(self, episode: Episode) -> Episode:
        moved = {name: self._state(name, self._legitimate[episode.scenario]) for name in _EACH_TIME}
        return msgspec.structs.replace(episode, states=episode.states | moved)

    def _episode(self, label: str, scenario: Scenario, at_s: float, ends_s: float) -> Episode:
        changed, states = {}, {}
        for name, domain in STATES.items():
            state = self._state(name, scenario)
            if domain is AGE_STATES:
                changed[name] = at_s - self._age_s(state)
            else:
                states[name] = state
        return Episode(label, ends_s, changed, states)

    def _state(self, name: SignalName, scenario: Scenario) -> str:
        mix: Mix = self._mixes[id(scenario)][name]
        label = next(iter(mix.mix)) if len(mix.mix) == 1 else self._pick(mix.mix)
        states, shares = self._states[name][label]
        return states[0] if len(states) == 1 else self._random.choices(states, shares)[0]

    def _age_s(self, state: str) -> float:
        at = AGE_STATES.index(state)
        if at == len(AGE_STATES) - 1:
            return _EDGES_S[-1] + self._random.expovariate(1.0 / _OLDER_MEAN_S)
        return self._random.uniform(_EDGES_S[at], _EDGES_S[at + 1])

    def _pick(self, shares: Mapping[str, float]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]


def _spread(states: Mapping[str, float], order: Sequence[str]) -> tuple[list[str], list[float]]:
    there = [state for state in order if states.get(state, 0.0) > 0.0]
    return there, [states[state] for state in there]
