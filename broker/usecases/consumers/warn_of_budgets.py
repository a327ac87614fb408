"""Say once a month of each budget that it is nearly spent, so that somebody hears of it before the hard stop."""

from decimal import Decimal
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers.limits import MICROS, Limits
from broker.consumers.standing import Standings
from broker.domain.event import EventKind
from broker.events.compose import Composer
from broker.storage.consumer_store import Purse
from broker.storage.event_store import put
from broker.storage.unit_of_work import Step

_ROWS = 500


class Purses(Protocol):
    """Where it is kept what was spent, and what was said about it."""

    async def purses(self, period: str, after: Purse | None, rows: int) -> list[tuple[Purse, int]]:
        """What all tenants have spent and reserved in a month, but for the budgets that were said to be low."""
        ...

    async def say_low(self, purse: Purse, at_ms: int, event: Step) -> bool:
        """Tell it and remember it; False where somebody has told it this month."""
        ...


class LowTools(msgspec.Struct, frozen=True):
    """What looking works with. ``low_percent`` of a budget spent is nearly all of it."""

    store: Purses
    standings: Standings
    compose: Composer
    clock: Clock
    low_percent: int


class WarnOfBudgets:
    """Run by every node; of those that find a budget low, exactly one says so, with the event ``budget.low``.

    What is reserved for checks under way counts as spent. A limit that is raised afterwards is not warned of again in
    the same month.
    """

    def __init__(self, tools: LowTools) -> None:
        self._tools = tools

    async def __call__(self) -> int:
        """Look at every budget of this month; how many were said to be low."""
        period, after, said = f"{self._tools.clock.now():%Y-%m}", None, 0
        while page := await self._tools.store.purses(period, after, _ROWS):
            for purse, spent in page:
                said += await self._look(purse, spent)
            after = page[-1][0]
        return said

    async def _look(self, purse: Purse, spent: int) -> bool:
        limited = dict((await self._tools.standings.of(purse.tenant)).limited)
        limits = limited.get(purse.tenant, Limits())
        most = limits.budget_micros().get(purse.currency, 0)
        low = most > 0 and spent * 100 >= most * self._tools.low_percent
        return low and await self._say(purse, spent, limits)

    async def _say(self, purse: Purse, spent: int, limits: Limits) -> bool:
        now = self._tools.clock.now()
        data: dict[str, str | int | tuple[str, ...] | None] = {
            "period": purse.period,
            "currency": purse.currency,
            "limit": limits.budget[purse.currency],
            "spent": f"{Decimal(spent) / MICROS:f}",
            "spentPercent": spent * 100 // limits.budget_micros()[purse.currency],
        }
        name = f"budget-{purse.period}-{purse.currency}"
        event = self._tools.compose(EventKind.BUDGET_LOW, purse.tenant, name, now, data, named="budget")
        return await self._tools.store.say_low(purse, int(now.timestamp() * 1000), put(event))
