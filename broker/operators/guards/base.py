"""What every guard shares: it is an adapter, and holds one."""

from collections.abc import Mapping

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Signal, SignalName, Source, Unavailability, Unavailable


class Guard:
    """Passes everything on; a guard overrides :meth:`observe`."""

    def __init__(self, inner: Adapter) -> None:
        self._inner = inner
        # Fixed for an adapter's life, and asked for a dozen times in each check: not through every guard anew.
        self._operator, self._capabilities = inner.operator, inner.capabilities

    @property
    def operator(self) -> str:
        """The operator's id in this deployment."""
        return self._operator

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """Those of the adapter inside."""
        return self._capabilities

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask the adapter inside."""
        return await self._inner.observe(query)

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """Those of the adapter inside."""
        return self._inner.instruments

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Hand the order to the adapter inside; an order is rare and has a deadline of its own."""
        return await self._inner.carry_out(order)

    async def aclose(self) -> None:
        """Close the adapter inside."""
        await self._inner.aclose()

    def _refusal(self, name: SignalName, reason: Unavailability, code: str) -> Unavailable:
        """The signal for a question that this guard did not let through."""
        capability = self._capabilities.get(name)
        source = None if capability is None else Source(self._operator, capability.api, capability.version)
        return Unavailable(name, reason, code, source)
