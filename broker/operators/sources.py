"""Several ways to one network, its own API and aggregators: asked in order of preference, the next when one is slow."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.clock import Clock
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.operators.guards.attempt import Latencies
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.retry import single_use
from broker.operators.guards.rolling import Rolling

_SLOW_SHARE = 0.05
_LONGER = 1.5
# What another way to the same network may do better. Everything else is the network's own word.
_THE_WAY_FAILED = frozenset(
    {
        *(Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR, Unavailability.MALFORMED),
        *(Unavailability.BREAKER_OPEN, Unavailability.UNSUPPORTED),
    }
)


class InPreference:
    """An adapter over several. Whoever answers first is believed; ``source.operator`` says who that was.

    The next source is asked when one fails, and when one takes longer than 95 of 100 of its calls did; the latter only
    for a share of all questions, so that a network in trouble is not asked twice as often. A token of one use goes to
    one source, and nobody else.
    """

    def __init__(self, sources: Sequence[Adapter], limits: GuardLimits, clock: Clock) -> None:
        self._sources = tuple(sources)
        self._limits = limits
        self._clock = clock
        self._latencies: dict[tuple[str, SignalName], Latencies] = {}
        self._recent = Rolling(limits.hedge_window_s)
        offers = [(name, offer) for source in reversed(self._sources) for name, offer in source.capabilities.items()]
        self._capabilities = MappingProxyType(dict(offers))

    @property
    def operator(self) -> str:
        """The preferred source's id."""
        return self._sources[0].operator

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """What any of them offers, each as the most preferred one does."""
        return self._capabilities

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask in order; the preferred source's reason where all of them fail."""
        able = [source for source in self._sources if query.signal in source.capabilities]
        if not able:
            return await self._sources[0].observe(query)
        self._recent.add(self._clock.monotonic_s(), calls=1)
        if len(able) == 1 or single_use(query):
            return await able[0].observe(query)
        return await self._race(able, query)

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """What any of them has, each as the most preferred one does."""
        offers = [(name, offer) for source in reversed(self._sources) for name, offer in source.instruments.items()]
        return MappingProxyType(dict(offers))

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """By the most preferred source that has the instrument, and by no other: an order is no question to repeat."""
        able = [source for source in self._sources if order.instrument in source.instruments]
        return await (able or self._sources)[0].carry_out(order)

    async def aclose(self) -> None:
        """The sources belong to the registry."""

    async def _race(self, able: list[Adapter], query: SignalQuery) -> Signal:
        waiting = list(able)
        under_way: dict[asyncio.Task[Signal], Adapter] = {}
        reasons: dict[str, Signal] = {}
        try:
            while waiting or under_way:
                if waiting and not under_way:
                    self._start(waiting.pop(0), query, under_way)
                done = await self._wait(waiting, under_way, query)
                if not done:  # the slow one goes on, and the next begins
                    self._start(waiting.pop(0), query, under_way)
                for task in done:
                    source = under_way.pop(task)
                    answer = task.result()
                    if not _failed(answer):
                        return answer if source is able[0] else _hedged(answer)
                    reasons[source.operator] = answer
            return reasons[able[0].operator]
        finally:
            for task in under_way:
                task.cancel()

    def _start(self, source: Adapter, query: SignalQuery, under_way: dict[asyncio.Task[Signal], Adapter]) -> None:
        under_way[asyncio.create_task(self._timed(source, query))] = source

    async def _wait(
        self, waiting: list[Adapter], under_way: Mapping[asyncio.Task[Signal], Adapter], query: SignalQuery
    ) -> set[asyncio.Task[Signal]]:
        """Those that have answered; none, when it is time for the next source."""
        patience_s = self._patience_s(under_way, query) if waiting else None
        done, _ = await asyncio.wait(under_way, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if not done and not self._may_spend():
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        return done

    def _patience_s(self, under_way: Mapping[asyncio.Task[Signal], Adapter], query: SignalQuery) -> float | None:
        """What 95 of 100 calls to the slowest of those under way needed; ``None`` before enough is known."""
        known = [self._latencies.get((source.operator, query.signal)) for source in under_way.values()]
        spans = [one.exceeded_s(_SLOW_SHARE) for one in known if one and one.seen >= self._limits.hedge_samples_min]
        return max(spans) if len(spans) == len(known) else None

    def _may_spend(self) -> bool:
        now_s = self._clock.monotonic_s()
        self._recent.roll(now_s)
        if self._recent.marked >= max(self._limits.retry_floor, int(self._limits.hedge_share * self._recent.calls)):
            return False
        self._recent.add(now_s, marked=1)
        return True

    async def _timed(self, source: Adapter, query: SignalQuery) -> Signal:
        """Ask one, and learn how long it takes. One given up for a quicker one would have taken longer than it had."""
        started_s = self._clock.monotonic_s()
        latencies = self._latencies.setdefault((source.operator, query.signal), Latencies())
        try:
            answer = await source.observe(query)
        except asyncio.CancelledError:
            latencies.add((self._clock.monotonic_s() - started_s) * _LONGER)
            raise
        if isinstance(answer, Observed):
            latencies.add(self._clock.monotonic_s() - started_s)
        return answer


def _failed(answer: Signal) -> bool:
    return isinstance(answer, Unavailable) and answer.reason in _THE_WAY_FAILED


def _hedged(answer: Signal) -> Signal:
    if answer.source is None:
        return answer
    return msgspec.structs.replace(answer, source=msgspec.structs.replace(answer.source, hedged=True))
