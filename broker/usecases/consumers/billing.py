"""What operators charge outside checks: each question of a client or a step-up is in the budget and on the meter."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.adapter_kit.prompts import PersonAsked
from broker.clock import Clock
from broker.domain.cost import Call, Charge
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import Signal, SignalName, Source, Unavailability, Unavailable
from broker.errors import BrokerError, QuotaExceeded
from broker.policy.cost import never_sent
from broker.storage.consumer_store import MeteredRow
from broker.usecases.consumers.budget import Budget
from broker.usecases.permitted import Sources

BUDGET = "BUDGET"
"""The code of a question that was not asked because the month's money is spent."""
UNCOUNTED = "BUDGET_UNKNOWN"
"""Nobody could look, and money that nobody counts is not spent."""

T = TypeVar("T")


class _Unpaid(msgspec.Struct, frozen=True):
    """Nobody was asked. A type of its own, for answers may be words too."""

    code: str


class MeterBook(Protocol):
    """Where it is kept what was used."""

    def meter_soon(self, row: MeteredRow) -> None:
        """Keep what was used with the next commit, before whatever is written after it."""
        ...


class BillingTools(msgspec.Struct, frozen=True):
    """What billing works with. ``charge`` is an operator's price for one question, ``None`` where none is known."""

    budget: Budget
    book: MeterBook
    charge: Callable[[str, Category], Charge | None]
    clock: Clock
    new_id: Callable[[str], str]


class BilledSources:
    """Operators in order of preference, as :data:`Sources` gives them, with the bill for whoever asks."""

    def __init__(self, sources: Sources, tools: BillingTools) -> None:
        self._sources = sources
        self._tools = tools

    def __call__(self, sources: tuple[str, ...]) -> Adapter | None:
        """One adapter over them; ``None`` over none."""
        adapter = self._sources(sources)
        return None if adapter is None else Billed(adapter, sources, self._tools)


class Billed:
    """An adapter that reserves the price before it asks, and puts the question on the meter when it was asked."""

    def __init__(self, inner: Adapter, sources: tuple[str, ...], tools: BillingTools) -> None:
        self._inner = inner
        self._sources = sources
        self._tools = tools

    @property
    def operator(self) -> str:
        """The one behind it."""
        return self._inner.operator

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """Those of the one behind it."""
        return self._inner.capabilities

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """Those of the one behind it."""
        return self._inner.instruments

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask; *not permitted* where the budget has not that much left."""

        def answered_by(signal: Signal) -> str | None:
            if isinstance(signal, Unavailable) and never_sent(signal.reason, signal.source):
                return None
            return signal.source.operator if signal.source else self._sources[0]

        answer = await self._paid(
            query.tenant, query.consumer, query.signal, lambda: self._inner.observe(query), answered_by
        )
        if isinstance(answer, _Unpaid):
            return Unavailable(query.signal, Unavailability.NOT_PERMITTED, answer.code)
        return answer

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """As :meth:`observe`."""
        name = order.instrument
        if not order.charged:
            return await self._inner.carry_out(order)
        offered = self._inner.instruments.get(name)

        def done_by(answer: A | Refused) -> str | None:
            if isinstance(answer, Refused):
                if never_sent(answer.reason, answer.source):
                    return None
                return answer.source.operator if answer.source else self._sources[0]
            if isinstance(answer, PersonAsked) and not answer.anew:
                return None
            return offered.operator if offered else self._sources[0]

        answer = await self._paid(order.tenant, order.consumer, name, lambda: self._inner.carry_out(order), done_by)
        return Refused(name, Unavailability.NOT_PERMITTED, answer.code) if isinstance(answer, _Unpaid) else answer

    async def aclose(self) -> None:
        """The operators belong to the registry."""

    async def _paid(
        self,
        tenant: str,
        consumer: str,
        category: Category,
        ask: Callable[[], Awaitable[T]],
        asked: Callable[[T], str | None],
    ) -> T | _Unpaid:
        """The answer, or why nobody was asked."""
        tools = self._tools
        try:
            reserved = await tools.budget.reserve(tenant, self._dearest(category))
        except QuotaExceeded:
            return _Unpaid(BUDGET)
        except BrokerError:
            return _Unpaid(UNCOUNTED)
        operator: str | None = self._sources[0]  # a question that is cut off may have been asked all the same
        with tools.budget.spending(reserved) as bill:
            bill.asking()
            try:
                answer = await ask()
                operator = asked(answer)
                bill.spent = {} if operator is None else _sum(tools.charge(operator, category))
                return answer
            finally:
                if operator is not None:
                    tools.book.meter_soon(self._row(tenant, consumer, category, operator))

    def _dearest(self, category: Category) -> dict[str, Decimal]:
        """The most that the question can cost, by currency, whichever source answers."""
        most: dict[str, Decimal] = {}
        for source in self._sources:
            for currency, amount in _sum(self._tools.charge(source, category)).items():
                most[currency] = max(amount, most.get(currency, Decimal(0)))
        return most

    def _row(self, tenant: str, consumer: str, category: Category, operator: str) -> MeteredRow:
        charge = self._tools.charge(operator, category)
        priced = (charge.currency, charge.amount) if charge else (None, None)
        return MeteredRow(
            tenant=tenant,
            check_id=self._tools.new_id("use"),
            at_ms=int(self._tools.clock.now().timestamp() * 1000),
            consumer=consumer,
            agent=None,
            calls=msgspec.json.encode([Call(operator, str(category), *priced)]),
        )


def _sum(charge: Charge | None) -> dict[str, Decimal]:
    return {} if charge is None else {charge.currency: charge.amount}
