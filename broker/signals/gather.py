"""Ask an operator for everything in a plan at once, under one deadline."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

import msgspec

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.clock import Clock
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.signals.freshness import Freshness, FreshnessKey

_log = logging.getLogger(__name__)


class Errand(msgspec.Struct, frozen=True):
    """For whom a plan is run: tenant, its pseudonym for the subject, and the query that each item starts from."""

    tenant: str
    subject: bytes
    query: SignalQuery

    def ask(self, item: PlanItem) -> SignalQuery:
        """The question for one item."""
        return msgspec.structs.replace(self.query, signal=item.signal)


class Gatherer:
    """Runs plans. One instance serves the whole process."""

    def __init__(self, freshness: Freshness, clock: Clock) -> None:
        self._freshness = freshness
        self._clock = clock

    def recall(self, plan: Plan, adapter: Adapter, errand: Errand) -> dict[SignalName, Observed]:
        """The plan's items that an earlier answer can serve, without asking anybody."""
        now = self._clock.now()
        kept = {
            item.signal: self._freshness.get(self._key(item, adapter, errand), max_age_s=item.max_age_s, now=now)
            for item in plan.items
            if item.max_age_s > 0
        }
        return {name: observed for name, observed in kept.items() if observed is not None}

    async def gather(
        self, plan: Plan, adapter: Adapter, errand: Errand, recalled: Mapping[SignalName, Observed]
    ) -> list[Signal]:
        """Every item of the plan as a signal, the recalled ones included; returns by ``errand.query.deadline_s``.

        What has not answered by then is *late* and its call is cancelled. Operators' trouble never raises.
        """
        asked = [item for item in plan.items if item.signal not in recalled]
        answers = await self._ask_all(asked, adapter, errand) if asked else []
        for item, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Observed):
                self._freshness.put(self._key(item, adapter, errand), answer)
        return [*recalled.values(), *answers]

    async def _ask_all(self, items: list[PlanItem], adapter: Adapter, errand: Errand) -> list[Signal]:
        tasks = [asyncio.create_task(_ask(adapter, errand.ask(item))) for item in items]
        left_s = max(0.0, errand.query.deadline_s - self._clock.monotonic_s())
        try:
            await asyncio.wait(tasks, timeout=left_s)
            return [
                task.result() if task.done() else _late(item, adapter) for item, task in zip(items, tasks, strict=True)
            ]
        finally:
            _cancel(tasks)

    @staticmethod
    def _key(item: PlanItem, adapter: Adapter, errand: Errand) -> FreshnessKey:
        location = errand.query.location if item.signal is SignalName.LOCATION else None
        capability = adapter.capabilities[item.signal]
        return FreshnessKey(errand.tenant, errand.subject, errand.query.purpose, adapter.operator, capability, location)


async def _ask(adapter: Adapter, query: SignalQuery) -> Signal:
    try:
        return await adapter.observe(query)
    except Exception as error:  # noqa: BLE001
        # Defensive: an adapter promises not to raise; one that breaks the promise must not take the check with it.
        # The message and the trace stay out of the log, for nobody knows what a foreign error carries.
        _log.error("adapter %s raised %s on %s", adapter.operator, type(error).__name__, query.signal)
        return Unavailable(query.signal, Unavailability.OPERATOR_ERROR, "INTERNAL")


def _late(item: PlanItem, adapter: Adapter) -> Unavailable:
    capability = adapter.capabilities[item.signal]
    source = Source(adapter.operator, capability.api, capability.version)
    return Unavailable(item.signal, Unavailability.LATE, "DEADLINE", source)


def _cancel(tasks: Iterable["asyncio.Task[Signal]"]) -> None:
    for task in tasks:
        if not task.done():
            task.cancel()
