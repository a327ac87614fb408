"""Deliver events: whatever is due and held by nobody is taken, sent, and marked, on however many nodes there are."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.domain.event import Delivery, Webhook
from broker.errors import BrokerError, origin
from broker.events.pace import RetryPace, pause_s
from broker.events.sending import Attempt
from broker.events.signing import WebhookKeys, headers
from broker.storage.event_store import EventStore

_LEASE_TIMEOUTS = 3.0
"""A lease lasts for so many of the longest attempts: sending is one, marking waits for the database."""
_PURGE_MAX = 500
_PURGE_S = 600.0
_log = logging.getLogger(__name__)


class DeliveryLimits(msgspec.Struct, frozen=True):
    """How deliveries are made. Times in seconds.

    ``look_s`` is how often a node looks for what others left or what is due again. ``in_flight_max`` deliveries are
    under way at once on a node, ``per_webhook_max`` of them to one webhook, so that a slow one keeps no other waiting.
    """

    look_s: float = 0.5
    timeout_s: float = 10.0
    in_flight_max: int = 64
    per_webhook_max: int = 4
    dead_kept_s: float = 7 * 86_400.0


class Send(Protocol):
    """One attempt."""

    async def __call__(self, url: str, signed: Mapping[str, str], body: bytes, timeout_s: float) -> Attempt:
        """What came of it; never raises for anything that the receiver does."""
        ...


class DeliveryTools(msgspec.Struct, frozen=True):
    """What delivering works with, built once by ``bootstrap``. ``keys_of`` derives a webhook's keys, by generation."""

    store: EventStore
    clock: Clock
    random: Random
    new_id: Callable[[str], str]
    keys_of: Callable[[str, str, int], WebhookKeys]
    send: Send
    pace: RetryPace
    limits: DeliveryLimits


class DeliverEvents:
    """The worker of one node. At least once: what was sent and not marked, because a node died, is sent again."""

    def __init__(self, tools: DeliveryTools) -> None:
        self._tools = tools
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._purge_at_s = float("-inf")

    async def work(self) -> None:
        """Deliver for as long as the broker runs; what is under way at the end is held until its lease is over."""
        try:
            while True:
                self._room.clear()
                await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), self._tools.limits.look_s)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        try:
            now_ms = self._now_ms()
            for webhook in await self._tools.store.ready(now_ms):
                await self._take(webhook, now_ms)
            await self._purge(now_ms)
        except BrokerError as error:
            _log.warning("events could not be looked for: %(code)s", {"code": error.code})
        except Exception as error:  # noqa: BLE001 - a worker that died would tell nobody anything any more
            _log.error(
                "events could not be looked for: %(error)s at %(place)s",
                {"error": type(error).__name__, "place": origin(error)},
            )

    async def _purge(self, now_ms: int) -> None:
        now_s = self._tools.clock.monotonic_s()
        if now_s < self._purge_at_s:
            return
        before_ms = now_ms - int(self._tools.limits.dead_kept_s * 1000)
        gone = await self._tools.store.purge_dead(before_ms, _PURGE_MAX)
        self._purge_at_s = now_s + (0.0 if gone == _PURGE_MAX else _PURGE_S)

    async def _take(self, webhook: Webhook, now_ms: int) -> None:
        limits, key = self._tools.limits, (webhook.tenant, webhook.webhook_id)
        room = min(limits.per_webhook_max - self._under_way[key], limits.in_flight_max - len(self._tasks))
        if room <= 0:
            return
        holder = self._tools.new_id("hld")
        until_ms = now_ms + int(_LEASE_TIMEOUTS * limits.timeout_s * 1000)
        for delivery in await self._tools.store.claim(webhook, holder, now_ms, until_ms, room):
            self._under_way[key] += 1
            task = asyncio.create_task(self._deliver(webhook, delivery, holder))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._ended(done, key))

    def _ended(self, task: asyncio.Task[None], key: tuple[str, str]) -> None:
        self._tasks.discard(task)
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]
        self._room.set()

    async def _deliver(self, webhook: Webhook, delivery: Delivery, holder: str) -> None:
        try:
            signed = self._signed(webhook, delivery)
            attempt = await self._tools.send(webhook.url, signed, delivery.body, self._tools.limits.timeout_s)
            await self._mark(delivery, holder, attempt)
        except BrokerError as error:
            _log.warning(
                "delivery %(event)s of %(tenant)s could not be marked: %(code)s",
                {"event": delivery.event_id, "tenant": delivery.tenant, "code": error.code},
            )
        except Exception as error:  # noqa: BLE001 - its lease ends, and it is tried again
            _log.error(
                "delivery %(event)s failed in us: %(error)s at %(place)s",
                {"event": delivery.event_id, "error": type(error).__name__, "place": origin(error)},
            )

    def _signed(self, webhook: Webhook, delivery: Delivery) -> dict[str, str]:
        now_ms = self._now_ms()
        generations = [webhook.generation]
        if now_ms < webhook.previous_until_ms:
            generations.append(webhook.generation - 1)
        keys = [self._tools.keys_of(webhook.tenant, webhook.webhook_id, one) for one in generations]
        return headers(keys, delivery.event_id, now_ms // 1000, delivery.body)

    async def _mark(self, delivery: Delivery, holder: str, attempt: Attempt) -> None:
        store, now_ms = self._tools.store, self._now_ms()
        if attempt.result == "delivered":
            await store.delivered(delivery, holder)
            return
        if attempt.result == "gone":
            await store.disable(delivery.tenant, delivery.webhook_id, attempt.code, now_ms)
            return
        pause = pause_s(self._tools.pace, delivery.attempts + 1, attempt.asked_s, self._tools.random)
        again_ms = None if pause is None else now_ms + int(pause * 1000)
        if again_ms is None:
            _log.warning(
                "delivery %(event)s of %(tenant)s was given up: %(code)s",
                {"event": delivery.event_id, "tenant": delivery.tenant, "code": attempt.code},
            )
        await store.not_delivered(delivery, holder, attempt.code, now_ms, again_ms)

    def _now_ms(self) -> int:
        return int(self._tools.clock.now().timestamp() * 1000)
