"""Equal questions that are under way together share one call: a thousand checks of one subject ask an operator once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from broker.adapter_kit.adapter import Capability, SignalQuery
from broker.domain.signal import Signal

Call = Callable[[SignalQuery], Coroutine[Any, Any, Signal]]


class FlightKey(NamedTuple):
    """What must be equal. ``tenant`` is part of it, for one tenant's answer is never another's.

    ``question`` is the whole query but for its deadlines and correlator, so that a member which it gets later counts.
    """

    tenant: str
    subject: bytes
    operator: str
    capability: Capability
    question: SignalQuery


class Seat:
    """One asker's place in a flight; ``led`` where it was the one that started the call."""

    __slots__ = ("key", "led", "task")

    def __init__(self, key: FlightKey | None, task: "asyncio.Task[Signal]", *, led: bool) -> None:
        self.key = key
        self.task = task
        self.led = led


class _Flight:
    __slots__ = ("seats", "task")

    def __init__(self, task: "asyncio.Task[Signal]") -> None:
        self.task = task
        self.seats = 1


class SingleFlight:
    """The calls under way. The call belongs to all who sit in it and is given up when the last one leaves."""

    def __init__(self) -> None:
        self._flights: dict[FlightKey, _Flight] = {}

    def board(self, key: FlightKey | None, query: SignalQuery, call: Call) -> Seat:
        """Join the call for ``key``, or start it; without a key, start one that nobody joins. Leave it in the end."""
        if key is None:
            return Seat(None, asyncio.create_task(call(query)), led=True)
        flight = self._flights.get(key)
        if flight is not None and not flight.task.done():
            flight.seats += 1
            return Seat(key, flight.task, led=False)
        task = asyncio.create_task(call(query))
        self._flights[key] = _Flight(task)
        return Seat(key, task, led=True)

    def leave(self, seat: Seat) -> None:
        """Give the place up. Exactly once for each seat."""
        if seat.key is None:
            seat.task.cancel()
            return
        flight = self._flights.get(seat.key)
        if flight is None or flight.task is not seat.task:
            return  # a later flight has taken the key, which it does only when this one has landed
        flight.seats -= 1
        if flight.seats == 0:
            del self._flights[seat.key]
            flight.task.cancel()


def key_of(tenant: str, subject: bytes, operator: str, capability: Capability, query: SignalQuery) -> FlightKey | None:
    """The key of a question, or ``None`` for one that nobody may share: it carries a token of one use."""
    if query.personal:
        return None
    question = msgspec.structs.replace(query, deadline_s=0.0, settles_s=None, correlator="")
    return FlightKey(tenant, subject, operator, capability, question)
