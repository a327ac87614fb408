"""The subscriber of one scenario: a history that steps write, laid into the operator before the request."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.camara.record import PERSON
from tests.support.mock_operator import RunningOperator

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
ACTIVATED_AGO_S = 4 * 365 * DAY_S
SINCE_S = ACTIVATED_AGO_S - DAY_S
UNKNOWN_ENDING = "999404"


def _on_record() -> dict[str, dict[str, Any]]:
    return {
        "identity": {"person": dict(PERSON)},
        "score": {"gauge": 640, "scales": ["gaugeMetric", "veritasIndex"]},
        "locks": {"content": True, "parental": False},
    }


@dataclass
class Subject:
    """One number. ``events`` are (seconds ago, event); ``sim`` whether a SIM was ever paired with it.

    ``states`` is how things are since the beginning, by the type of event that says so.
    """

    number: str
    sim: bool = True
    located: bool = True
    elsewhere: bool = False
    gone_since_s: float | None = None
    retention_h: int | None = None
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=_on_record)

    def happened(self, ago_s: float, kind: str, /, **members: Any) -> None:
        """Let something have happened."""
        event: dict[str, Any] = {"type": kind} | members
        self.events.append((ago_s, event))

    def be(self, kind: str, /, **members: Any) -> None:
        """Let a state of this kind differ in these members."""
        self.states[kind] = self.states.get(kind, {}) | members

    def knows(self, **members: Any) -> None:
        """Let the operator have something else on record about the person; ``None`` is nothing at all."""
        person = self.states["identity"]["person"] | members
        self.be("identity", person={name: value for name, value in person.items() if value is not None})

    @property
    def hashed(self) -> str:
        """SHA-256 of the number with its plus, hexadecimal."""
        return hashlib.sha256(self.number.encode()).hexdigest()

    def settle(self, operator: RunningOperator) -> None:
        """Make it so."""
        history: list[tuple[float, dict[str, Any]]] = []
        if self.sim:
            history.append((ACTIVATED_AGO_S, {"type": "activation"}))
        if self.sim and self.located:
            geography = operator.profile.geography
            home = geography.elsewhere if self.elsewhere else geography.home
            seen = {"type": "seen", "latitude": home.latitude, "longitude": home.longitude}
            history.append(((self.gone_since_s or 0.0) + DAY_S, seen))
        if self.gone_since_s is not None:
            history.append((self.gone_since_s, {"type": "detached"}))
        history += [(SINCE_S, {"type": kind} | members) for kind, members in self.states.items()]
        events = [{"event": event, "agoS": ago_s} for ago_s, event in [*history, *self.events]]
        retention = None if self.retention_h is None else {"hours": self.retention_h}
        operator.control.put_subscriber(self.number, events=events, retention=retention)


def numbered(operator: RunningOperator, count: int) -> Subject:
    """The subscriber of the scenario with this count; no two scenarios share one."""
    return Subject(operator.number(f"{500_000 + 2 * count:06}"))


def other_than(operator: RunningOperator, subject: Subject) -> Subject:
    """Somebody else of the same operator."""
    return Subject(operator.number(f"{int(subject.number[-6:]) + 1:06}"))
