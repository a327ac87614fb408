"""An operation played by hand: what it does, step by step, without a network and without waiting."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from broker.client import ClientError
from broker.client._exchange import Ask, Pause, Reply, Silence, Surroundings, Work

ANSWER: dict[str, Any] = {
    "id": "chk_1",
    "status": "settled",
    "decision": "allow",
    "verdict": "trusted",
    "trustBand": "high",
    "confidence": "high",
    "reasons": [{"code": "ACTION_SENSITIVE", "effect": "worse"}],
    "nextSteps": [{"type": "challenge", "method": "network_auth"}, {"type": "review"}],
    "policy": {"id": "payment", "version": 3, "actionClass": "high"},
    "degraded": False,
    "calibrated": False,
    "validUntil": "2026-11-22T16:20:00Z",
    "receipt": "e30.e30.e30",
}


class HandWatch:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def around(self, jitter: float = 1.0) -> Surroundings:
        return Surroundings(lambda: self.now_s, lambda: jitter)


class Played(NamedTuple):
    """What an operation asked, how long it paused, and what came of it."""

    asks: list[Ask]
    pauses_s: list[float]
    result: Any
    error: ClientError | None


def reply(status: int, members: Any = None, **headers: str) -> Reply:
    body = members if isinstance(members, bytes) else json.dumps({} if members is None else members).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def problem(status: int, code: str = "OVERLOADED", **headers: str) -> Reply:
    return reply(status, {"title": "x", "status": status, "code": code, "detail": "what to do"}, **headers)


def play(work: Work[Any], told: Sequence[Reply | Silence], watch: HandWatch | None = None) -> Played:
    """Give the operation these replies in turn; pauses pass at once on the watch."""
    asks: list[Ask] = []
    pauses: list[float] = []
    left = list(told)
    answer: Reply | Silence | None = None
    while True:
        try:
            step = work.send(answer)
        except StopIteration as end:
            assert not left, "it ended before all replies were heard"
            return Played(asks, pauses, end.value, None)
        except ClientError as error:
            assert not left, "it gave up before all replies were heard"
            return Played(asks, pauses, None, error)
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            if watch:
                watch.now_s += step.seconds
            answer = None
        else:
            asks.append(step)
            answer = left.pop(0)
