"""A number that its operator does not know has probably moved: find out where to, once, and ask there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.domain.instrument import InstrumentName
from broker.domain.route import Route
from broker.domain.signal import Signal, SignalName, Source, Unavailability, Unavailable

LookAgain = Callable[[float], Awaitable[Route | None]]
"""Until a deadline (monotonic seconds): another route, or ``None``."""


class FollowsTheNumber:
    """An adapter for one check. All its questions share one search, and the answers of the network that it led to."""

    def __init__(self, inner: Adapter, look_again: LookAgain, through: Callable[[Route], Adapter | None]) -> None:
        self._inner = inner
        self._look_again = look_again
        self._through = through
        self._searching = asyncio.Lock()
        self._searched = False
        self.route: Route | None = None

    @property
    def operator(self) -> str:
        """The operator that was thought to serve the number."""
        return self._inner.operator

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """Those of the operator that was thought to serve the number."""
        return self._inner.capabilities

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask; where the number is unknown, ask whom it moved to. A network out of our reach is *unsupported*."""
        answer = await self._inner.observe(query)
        if not isinstance(answer, Unavailable) or answer.reason is not Unavailability.UNKNOWN_SUBSCRIBER:
            return answer
        route = await self._elsewhere(query.deadline_s)
        if route is None:
            return answer
        adapter = self._through(route)
        if adapter is None:
            return Unavailable(query.signal, Unavailability.UNSUPPORTED, route.code)
        return await adapter.observe(query)

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """Those of the operator that was thought to serve the number."""
        return self._inner.instruments

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Hand the order on; nobody is looked for on its account."""
        return await self._inner.carry_out(order)

    async def aclose(self) -> None:
        """The adapters belong to others."""

    async def _elsewhere(self, deadline_s: float) -> Route | None:
        async with self._searching:
            if not self._searched:
                self.route = await self._look_again(deadline_s)
                self._searched = True
            return self.route
