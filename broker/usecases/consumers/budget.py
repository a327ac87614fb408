"""Budgets in money: what operators may charge in a month. The most that a check can cost is reserved before it asks."""

import calendar
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers.limits import MICROS
from broker.consumers.standing import Standings
from broker.domain.cost import Tariff
from broker.domain.signal import SignalName
from broker.errors import QuotaExceeded
from broker.storage.consumer_store import Purse

_MONTH_S = 31 * 86_400


class PurseKeeper(Protocol):
    """Where it is kept what was spent."""

    async def spend(self, purse: Purse, amount: int, most: int) -> bool:
        """Spend from a budget, or not at all where it would go beyond ``most``."""
        ...

    def give_back_soon(self, purse: Purse, amount: int) -> None:
        """Give back what was reserved and not spent, with the next commit."""
        ...


class Reserved(msgspec.Struct, frozen=True):
    """What one check reserved, in millionths."""

    purses: tuple[tuple[Purse, int], ...] = ()


class Bill:
    """What a question came to, while it is asked: nothing, then nobody knows, then what was ``spent``."""

    def __init__(self) -> None:
        self.spent: Mapping[str, Decimal] | None = {}

    def asking(self) -> None:
        """From now on an operator may have been asked, whatever becomes of us."""
        self.spent = None


class Budget:
    """The hard stop: on any number of nodes nobody spends what would go beyond a limit.

    What dies while operators are asked keeps what it reserved: a budget may stop too early, and never too late.
    """

    def __init__(self, keeper: PurseKeeper, standings: Standings, clock: Clock) -> None:
        self._keeper = keeper
        self._standings = standings
        self._clock = clock

    async def reserve(self, tenant: str, worst: Mapping[str, Decimal]) -> Reserved:
        """Reserve the most that a check can cost, by currency, from its tenant's budget and each platform's above it.

        Raises:
            QuotaExceeded: a budget has not that much left; nothing is reserved.
        """
        limited = (await self._standings.of(tenant)).limited
        if not worst or not any(limits.budget for _, limits in limited):
            return Reserved()
        now = self._clock.now()
        taken: list[tuple[Purse, int]] = []
        for owner, limits in limited:
            for currency, most in limits.budget_micros().items():
                amount = _micros(worst.get(currency, Decimal(0)))
                purse = Purse(owner, f"{now:%Y-%m}", currency)
                if amount and not await self._keeper.spend(purse, amount, most):
                    self._settle(Reserved(tuple(taken)), {})
                    name = f"{'tenant' if owner == tenant else 'platform'}-budget-{currency.lower()}"
                    raise QuotaExceeded(name, most // MICROS, _MONTH_S, retry_after_s=_until_next_month_s(now))
                taken += [(purse, amount)] if amount else []
        return Reserved(tuple(taken))

    @contextlib.contextmanager
    def spending(self, reserved: Reserved) -> Iterator[Bill]:
        """Spend from what is reserved; at the end, however it comes, what is known not to be spent is given back."""
        bill = Bill()
        try:
            yield bill
        finally:
            if bill.spent is not None:
                self._settle(reserved, bill.spent)

    def _settle(self, reserved: Reserved, spent: Mapping[str, Decimal]) -> None:
        """Give back what was reserved beyond what was spent."""
        for purse, amount in reserved.purses:
            rest = amount - _micros(spent.get(purse.currency, Decimal(0)))
            if rest > 0:
                self._keeper.give_back_soon(purse, rest)


def most_of(names: Iterable[SignalName], tariffs: Sequence[Mapping[SignalName, Tariff]]) -> dict[str, Decimal]:
    """The most that questions can cost, each at the dearest of those who may answer it; sums by currency."""
    sums: dict[str, Decimal] = {}
    for name in names:
        dearest: dict[str, Decimal] = {}
        for one in tariffs:
            tariff = one.get(name)
            if tariff is not None and tariff.price is not None:
                dearest[tariff.currency] = max(tariff.price, dearest.get(tariff.currency, Decimal(0)))
        for currency, price in dearest.items():
            sums[currency] = sums.get(currency, Decimal(0)) + price
    return sums


def _micros(amount: Decimal) -> int:
    # Upwards: of two checks that cost half a millionth each, neither was free.
    return int((amount * MICROS).to_integral_value(rounding="ROUND_CEILING"))


def _until_next_month_s(now: datetime) -> int:
    days = calendar.monthrange(now.year, now.month)[1] - now.day
    return days * 86_400 + 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
