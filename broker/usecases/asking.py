"""Hop 8 in waves: ask what settles the decision, look again, and stop when nothing could change it."""

import asyncio
from collections.abc import Collection, Mapping

import msgspec

from broker.adapter_kit.adapter import Adapter
from broker.clock import Clock
from broker.domain.cost import Tariff
from broker.domain.evidence import Evidence
from broker.domain.plan import Plan
from broker.domain.signal import Observed, Signal, SignalName
from broker.policy.patience import has_room, patience_s
from broker.policy.waves import WaveMemory, WavePlanner
from broker.signals.gather import Errand, Gatherer


class AskingTools(msgspec.Struct, frozen=True):
    """What asking works with, the same for every check."""

    gatherer: Gatherer
    clock: Clock
    waves: WaveMemory


class Answers(msgspec.Struct, frozen=True):
    """What came, what was left out with its reason, and which signals an operator was asked for."""

    signals: tuple[Signal, ...]
    asked: frozenset[SignalName]


class Asking:
    """Asks one operator for the items of one plan.

    Waves never cost a check its deadline: where it leaves no room for a second one, or the first is slow, everything
    that is still open is asked at once.
    """

    def __init__(self, tools: AskingTools, adapter: Adapter, tariffs: Mapping[SignalName, Tariff]) -> None:
        self._gatherer = tools.gatherer
        self._clock = tools.clock
        self._waves = tools.waves
        self._adapter = adapter
        self._tariffs = tariffs

    async def __call__(
        self, plan: Plan, errand: Errand, recalled: Mapping[SignalName, Observed], planner: WavePlanner
    ) -> Answers:
        """Every item of the plan as a signal, by ``errand.query.deadline_s``; operators' trouble never raises."""
        signals: list[Signal] = list(recalled.values())
        open_ = {item.signal for item in plan.items} - recalled.keys()
        asked: set[SignalName] = set()
        while open_:
            known = Evidence.of([*plan.unavailable, *signals])
            wave = self._waves.next(planner, known, frozenset(open_))
            if not wave.ask:
                signals += wave.left
                break
            first = set(wave.ask) if self._has_room(wave.ask, errand) else open_
            answers = await self._wave(plan, errand, first, open_ - first)
            signals += answers
            asked |= {one.name for one in answers}
            open_ -= asked
        return Answers(tuple(signals), frozenset(asked))

    async def _wave(
        self, plan: Plan, errand: Errand, first: Collection[SignalName], rest: Collection[SignalName]
    ) -> list[Signal]:
        """The answers to the first ones; and to the rest, if those let us wait too long."""
        if not rest:
            return await self._gather(plan, errand, first)
        tasks = [asyncio.create_task(self._gather(plan, errand, first))]
        try:
            await asyncio.wait(tasks, timeout=patience_s(first, self._tariffs))
            if not tasks[0].done():
                tasks.append(asyncio.create_task(self._gather(plan, errand, rest)))
            return [signal for answers in await asyncio.gather(*tasks) for signal in answers]
        finally:
            for task in tasks:
                task.cancel()

    async def _gather(self, plan: Plan, errand: Errand, names: Collection[SignalName]) -> list[Signal]:
        part = msgspec.structs.replace(plan, items=tuple(item for item in plan.items if item.signal in names))
        return await self._gatherer.gather(part, self._adapter, errand, {})

    def _has_room(self, names: Collection[SignalName], errand: Errand) -> bool:
        return has_room(errand.query.deadline_s - self._clock.monotonic_s(), names, self._tariffs)
