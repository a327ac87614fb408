"""What every guard shares: it is an adapter, and holds one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import Signal, SignalName, Source, Unavailability, Unavailable

T = TypeVar("T")


class Passage(msgspec.Struct, frozen=True):
    """What a guard has to know of a question or of an order: what it is for, and until when (monotonic)."""

    name: Category
    deadline_s: float


Refuse = Callable[[Unavailability, str], T]
"""The answer of one that a guard does not let through, with a reason and a code."""


class Guard:
    """Passes everything on. A guard overrides :meth:`observe`, or :meth:`_pass` where orders go the same way."""

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

        def refuse(reason: Unavailability, code: str) -> Signal:
            return self._refusal(query.signal, reason, code)

        passage = Passage(query.signal, query.deadline_s)
        return await self._pass(passage, lambda: self._inner.observe(query), refuse)

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """Those of the adapter inside."""
        return self._inner.instruments

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Hand the order to the adapter inside."""

        def refuse(reason: Unavailability, code: str) -> A | Refused:
            return Refused(order.instrument, reason, code, self._inner.instruments.get(order.instrument))

        passage = Passage(order.instrument, order.deadline_s)
        return await self._pass(passage, lambda: self._inner.carry_out(order), refuse)

    async def aclose(self) -> None:
        """Close the adapter inside."""
        await self._inner.aclose()

    def _refusal(self, name: SignalName, reason: Unavailability, code: str) -> Unavailable:
        """The signal for a question that this guard did not let through."""
        capability = self._capabilities.get(name)
        source = None if capability is None else Source(self._operator, capability.api, capability.version)
        return Unavailable(name, reason, code, source)

    async def _pass(self, passage: Passage, ask: Callable[[], Awaitable[T]], refuse: Refuse[T]) -> T:  # noqa: ARG002
        """Let it through, or refuse it."""
        return await ask()
