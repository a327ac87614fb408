"""Who has which number here: the sandbox subscribers of the magic numbers, and those that the control API made."""

from bisect import insort
from datetime import datetime, timedelta

import msgspec

from adapters.mock.operator.faults import Fault
from adapters.mock.operator.network.events import Entry, Seen
from adapters.mock.operator.network.situations import (
    DAY_S,
    OLD_LINE,
    SITUATIONS,
    Answering,
    Past,
    Situation,
    Whereabouts,
)
from adapters.mock.operator.network.timeline import Line, line_at
from adapters.mock.operator.profile import Geography, NumberRange, SwapRetention

SUBSCRIBERS_MAX = 10_000
EVENTS_MAX = 1000
EDGE_CELL_RADIUS_M = 20_000.0
EDGE_CELL_SHIFT_DEGREES = 0.02
ARRIVED_AGO_S = 30 * DAY_S
MOVED_AGO_S = 6 * DAY_S


class Subscriber(msgspec.Struct):
    """One number and its history, ordered by instant.

    ``retention`` replaces the operator's own, ``sim_number`` is the number whose SIM answers for it, ``fault`` acts
    on every API answer about it, and ``answering`` is how its holder answers a question on the phone.
    """

    phone_number: str
    history: list[Entry]
    retention: SwapRetention | None = None
    sim_number: str | None = None
    fault: Fault | None = None
    answering: Answering | None = None

    def line(self, now: datetime) -> Line:
        """What the network knows about this number at ``now``."""
        return line_at(self.history, now)

    def add(self, entry: Entry) -> None:
        """Let one more event happen, in the past or in the future.

        Raises:
            ValueError: the history is full.
        """
        if len(self.history) >= EVENTS_MAX:
            raise ValueError("this subscriber has too many events")
        insort(self.history, entry, key=lambda known: known.at)


class Directory:
    """Every subscriber of one operator, by number."""

    def __init__(self, numbers: tuple[NumberRange, ...], geography: Geography, ported_in: tuple[str, ...] = ()) -> None:
        self._numbers = numbers
        self._ported_in = ported_in
        self._geography = geography
        self._subscribers: dict[str, Subscriber] = {}

    def reset(self, now: datetime) -> None:
        """The sandbox subscribers, their histories counted back from ``now``, and nobody else."""
        self._subscribers = {
            subscriber.phone_number: subscriber
            for numbers in self._numbers
            for subscriber in (self._settle(situation, numbers, now) for situation in SITUATIONS)
        }
        for number in self._ported_in:  # steady lines, in the ranges of others
            history = [_entry(past, now) for past in (*OLD_LINE, *_arrivals(Whereabouts.HOME, self._geography))]
            self.put(Subscriber(number, history))

    def find(self, phone_number: str, now: datetime) -> Subscriber | None:
        """The subscriber with this number, if it is one of this operator at ``now``."""
        subscriber = self._subscribers.get(phone_number)
        return None if subscriber is None or subscriber.line(now).terminated else subscriber

    def known(self, phone_number: str) -> Subscriber | None:
        """The subscriber with this number, even if it has left."""
        return self._subscribers.get(phone_number)

    def put(self, subscriber: Subscriber) -> None:
        """Add or replace a subscriber; the number may be of any range, as a ported one is.

        Raises:
            ValueError: the directory is full, or the history too long.
        """
        if subscriber.phone_number not in self._subscribers and len(self._subscribers) >= SUBSCRIBERS_MAX:
            raise ValueError("too many subscribers")
        if len(subscriber.history) > EVENTS_MAX:
            raise ValueError("this subscriber has too many events")
        subscriber.history.sort(key=lambda entry: entry.at)
        self._subscribers[subscriber.phone_number] = subscriber

    def _settle(self, situation: Situation, numbers: NumberRange, now: datetime) -> Subscriber:
        history = [_entry(past, now) for past in situation.history]
        history += [_entry(past, now) for past in _arrivals(situation.whereabouts, self._geography)]
        return Subscriber(
            phone_number=magic_number(numbers, situation.ending),
            history=sorted(history, key=lambda entry: entry.at),
            retention=situation.retention,
            sim_number=None if situation.sim_of is None else magic_number(numbers, situation.sim_of),
            fault=situation.fault,
            answering=situation.answering,
        )


def magic_number(numbers: NumberRange, ending: str) -> str:
    """The sandbox number of a range with this ending: prefix, zeros, ending."""
    return numbers.prefix + ending.rjust(numbers.digits + 1 - len(numbers.prefix), "0")


def _entry(past: Past, now: datetime) -> Entry:
    return Entry(now - timedelta(seconds=past.ago_s), past.event)


def _arrivals(whereabouts: Whereabouts, geography: Geography) -> list[Past]:
    home = Seen(geography.home.latitude, geography.home.longitude)
    elsewhere = Seen(geography.elsewhere.latitude, geography.elsewhere.longitude)
    match whereabouts:
        case Whereabouts.HOME:
            return [Past(ARRIVED_AGO_S, home)]
        case Whereabouts.EDGE:
            edge = Seen(home.latitude + EDGE_CELL_SHIFT_DEGREES, home.longitude, EDGE_CELL_RADIUS_M)
            return [Past(ARRIVED_AGO_S, edge)]
        case Whereabouts.ELSEWHERE:
            return [Past(ARRIVED_AGO_S, elsewhere)]
        case Whereabouts.MOVED:
            return [Past(ARRIVED_AGO_S, elsewhere), Past(MOVED_AGO_S, home)]
        case Whereabouts.UNKNOWN:
            return []
