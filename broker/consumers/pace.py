"""How an agent goes about it: one that asks about many people, or about number after number, is flagged and slowed.

An agent serves the people who come to it; whoever tries out numbers asks about strangers. Numbers are held in memory
only, the last one of each agent, and for no longer than it asks.
"""

from collections import OrderedDict
from enum import Enum

import msgspec

from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber

_MINUTE_S = 60.0
_NEIGHBOUR_MAX = 3
"""Two numbers this near to one another are neighbours."""


class PaceLimits(msgspec.Struct, frozen=True):
    """When an agent becomes conspicuous. Zero switches a rule off.

    Attributes:
        subjects_flagged: different people in a minute beyond which it is flagged.
        subjects_max: different people in a minute beyond which it has to wait.
        run_flagged: neighbouring numbers in a row beyond which it is flagged.
        agents_max: agents remembered; the one that was quiet for longest is forgotten first.
    """

    subjects_flagged: int = 60
    subjects_max: int = 600
    run_flagged: int = 10
    agents_max: int = 10_000


class Gait(Enum):
    """What an agent's pace looks like."""

    STEADY = "steady"
    UNUSUAL = "unusual"
    TOO_FAST = "too_fast"


class _Trail:
    """One agent's last minute."""

    __slots__ = ("last", "run", "seen_s")

    def __init__(self) -> None:
        self.seen_s: OrderedDict[bytes, float] = OrderedDict()
        self.last: int | None = None
        self.run = 0


class Pace:
    """Watches agents; a principal without an agent is a back end, which quotas are for."""

    def __init__(self, limits: PaceLimits) -> None:
        self._limits = limits
        self._trails: OrderedDict[tuple[str, str, str], _Trail] = OrderedDict()

    def step(self, principal: Principal, phone: PhoneNumber, subject: bytes, now_s: float) -> Gait:
        """Take note of one question, and say what the pace looks like.

        Args:
            principal: who asks.
            phone: about whom; only its nearness to the one before is looked at.
            subject: the same person as a pseudonym.
            now_s: monotonic.
        """
        if principal.agent is None:
            return Gait.STEADY
        trail = self._trail((principal.tenant, principal.consumer, principal.agent))
        run = self._run(trail, int(phone.e164[1:]))
        people = self._people(trail, subject, now_s)
        if _beyond(people, self._limits.subjects_max):
            return Gait.TOO_FAST
        conspicuous = _beyond(people, self._limits.subjects_flagged) or _beyond(run, self._limits.run_flagged)
        return Gait.UNUSUAL if conspicuous else Gait.STEADY

    def _trail(self, key: tuple[str, str, str]) -> _Trail:
        trail = self._trails.setdefault(key, _Trail())
        self._trails.move_to_end(key)
        while len(self._trails) > self._limits.agents_max:
            self._trails.popitem(last=False)
        return trail

    def _people(self, trail: _Trail, subject: bytes, now_s: float) -> int:
        trail.seen_s[subject] = now_s
        trail.seen_s.move_to_end(subject)
        most = max(self._limits.subjects_max, self._limits.subjects_flagged) + 1
        while trail.seen_s and (next(iter(trail.seen_s.values())) <= now_s - _MINUTE_S or len(trail.seen_s) > most):
            trail.seen_s.popitem(last=False)
        return len(trail.seen_s)

    @staticmethod
    def _run(trail: _Trail, number: int) -> int:
        """How many neighbours in a row; asking about the same person again neither lengthens nor ends it."""
        distance = None if trail.last is None else abs(number - trail.last)
        trail.last = number
        if distance == 0:
            return trail.run
        trail.run = trail.run + 1 if distance is not None and distance <= _NEIGHBOUR_MAX else 0
        return trail.run


def _beyond(count: int, limit: int) -> bool:
    return limit > 0 and count > limit
