"""Looks at what happened to subscribers, and tells whoever subscribed to it, in order, one event at a time.

It looks whenever the control API lets something happen or moves the clock, and while there are subscriptions at short
intervals, for events that were planned ahead. Events that are put into the past afterwards are not told.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from adapters.mock.operator.network.directory import Directory
from adapters.mock.operator.network.events import Entry, OwnershipChange, Termination
from adapters.mock.operator.network.timeline import Line, line_at
from adapters.mock.operator.notifications.sinks import Courier
from adapters.mock.operator.notifications.subscriptions import Subscription, Subscriptions

LOOK_EVERY_S = 0.1
WAITING_MAX = 1000
"""Notifications that may wait for one sink; beyond it the oldest is lost."""


class Notifier:
    """The subscriptions of one operator, and the notifications on their way. All of it lives in one event loop."""

    def __init__(self, directory: Directory, now: Callable[[], datetime]) -> None:
        self.subscriptions = Subscriptions()
        self._directory = directory
        self._now = now
        self._courier: Courier | None = None
        self._waiting: dict[str, deque[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = False

    def begin(self, subscription: Subscription, *, initial: bool) -> None:
        """Start a subscription: its first event says so, the second one tells the present state where that was wanted.

        Raises:
            ValueError: the client has too many.
        """
        self.subscriptions.add(subscription)
        if "subscription-started" in subscription.lifecycle:
            self._tell(
                subscription,
                "subscription-started",
                subscription.starts_at,
                {"initiationReason": "SUBSCRIPTION_CREATED"},
            )
        subscriber = self._directory.known(subscription.phone_number)
        if initial and subscription.event.initial and subscriber is not None:
            line = subscriber.line(subscription.starts_at)
            present = subscription.event.when(line, subscription.area)
            if present is not None and (present is True or subscription.event.sets_in == "change"):
                self._report(subscription, line)
        if not self._looking:
            self._looking = True
            self._spawn(self._keep_looking())

    def end(self, subscription: Subscription, at: datetime, reason: str) -> None:
        """End a subscription and say why, once."""
        if self.subscriptions.drop(subscription):
            name = "subscription-ended" if "subscription-ended" in subscription.lifecycle else "subscription-ends"
            self._tell(subscription, name, at, {"terminationReason": reason})

    def look(self) -> None:
        """Bring every subscription up to the network's now."""
        now = self._now()
        for subscription in self.subscriptions:
            self._look_at(subscription, now)

    def clear(self) -> None:
        """Forget everything, and tell nobody."""
        self.subscriptions.clear()
        self._waiting.clear()

    def _look_at(self, subscription: Subscription, now: datetime) -> None:
        ends = subscription.ends
        until = now if ends is None else min(now, ends[0])
        subscriber = self._directory.known(subscription.phone_number)
        history = [] if subscriber is None else subscriber.history
        line = line_at(history, subscription.seen_until)
        for entry in [entry for entry in history if subscription.seen_until < entry.at <= until]:
            self._follow(subscription, line, entry)
        subscription.seen_until = until
        if subscriber is None:
            self.end(subscription, now, "NETWORK_TERMINATED")
        elif ends is not None and ends[0] <= now:
            self.end(subscription, *ends)

    def _follow(self, subscription: Subscription, line: Line, entry: Entry) -> None:
        before = subscription.event.when(line, subscription.area)
        line.now = entry.at
        line.apply(entry.at, entry.event)
        gone = isinstance(entry.event, Termination | OwnershipChange)
        if gone or not line.consent(subscription.api).valid:
            # Whoever has the number now, or permits nothing any more, is not the one that was subscribed to.
            self.end(subscription, entry.at, "NETWORK_TERMINATED")
        elif subscription.event.sets_off(before, subscription.event.when(line, subscription.area)):
            self._report(subscription, line)

    def _report(self, subscription: Subscription, line: Line) -> None:
        if subscription.events_left == 0:
            return
        self._tell(
            subscription, subscription.kind, line.now, {**subscription.reported, **subscription.event.data(line)}
        )
        if subscription.events_left is not None:
            subscription.events_left -= 1
            if subscription.events_left == 0:
                self.end(subscription, line.now, "MAX_EVENTS_REACHED")

    def _tell(self, subscription: Subscription, name: str, at: datetime, data: dict[str, Any]) -> None:
        area = {"area": subscription.config["subscriptionDetail"]["area"]} if subscription.area else {}
        event = {
            "id": str(uuid.uuid4()),
            "source": subscription.source,
            "specversion": "1.0",
            "type": subscription.type_of(name),
            "time": at,
            "datacontenttype": "application/json",
            "data": {**subscription.named, **area, **data, "subscriptionId": subscription.id},
        }
        waiting = self._waiting.get(subscription.id)
        if waiting is None:
            self._waiting[subscription.id] = deque([event], maxlen=WAITING_MAX)
            self._spawn(self._send(subscription))
        else:
            waiting.append(event)

    async def _send(self, subscription: Subscription) -> None:
        """One after the other, so that a sink reads events in the order in which they happened."""
        courier = self._courier = self._courier or Courier()
        token = None if subscription.credential is None else subscription.credential.access_token
        while waiting := self._waiting.get(subscription.id):
            outcome = await courier.deliver(subscription.sink, waiting.popleft(), token)
            if outcome == "gone":
                self.subscriptions.drop(subscription)
                waiting.clear()
        self._waiting.pop(subscription.id, None)

    async def _keep_looking(self) -> None:
        while self.subscriptions:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()
        self._looking = False

    def _spawn(self, work: Any) -> None:
        """The loop itself keeps only a weak reference to a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
