"""What a tenant may use: how many checks in which time, and how much money in a month."""

import re
from decimal import Decimal

import msgspec

from broker.errors import Fault, InvalidRequest

MICROS = 1_000_000
_COUNT_MAX = 10**9
_BUDGETS_MAX = 10
_OPERATORS_MAX = 100
_OPERATOR = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
# Nine digits and six after the point: in millionths that is far below what a database keeps as an integer.
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class Limits(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What is left out is not limited here; a platform's limits hold for all its tenants together.

    A question through the CAMARA facade, and an order for personal data, count as a check does.

    ``budget`` is what operators may charge in a calendar month (UTC), as decimals by ISO 4217 code. The agent's is for
    each agent by itself. ``operators`` are the ids of those that may be asked, nobody where it is empty; an id stands
    for the contracts in its place too.
    """

    checks_per_minute: int | None = None
    checks_per_day: int | None = None
    agent_checks_per_minute: int | None = None
    budget: dict[str, str] = {}
    operators: tuple[str, ...] | None = None

    def budget_micros(self) -> dict[str, int]:
        """The budget in millionths."""
        return {currency: int(Decimal(amount) * MICROS) for currency, amount in self.budget.items()}


def require_sound(limits: Limits) -> None:
    """Refuse limits that nobody could mean.

    Raises:
        InvalidRequest: one is negative, too large, or no amount.
    """
    faults = [
        Fault(f"/limits/{name}", f"send a whole number from 0 to {_COUNT_MAX}")
        for name, value in (
            ("checksPerMinute", limits.checks_per_minute),
            ("checksPerDay", limits.checks_per_day),
            ("agentChecksPerMinute", limits.agent_checks_per_minute),
        )
        if value is not None and not 0 <= value <= _COUNT_MAX
    ]
    faults += [
        Fault("/limits/budget", 'send amounts by currency, such as {"EUR": "100.00"}')
        for currency, amount in limits.budget.items()
        if not _CURRENCY.fullmatch(currency) or not _AMOUNT.fullmatch(amount)
    ]
    if len(limits.budget) > _BUDGETS_MAX:
        faults.append(Fault("/limits/budget", f"send at most {_BUDGETS_MAX} currencies"))
    named = limits.operators or ()
    if len(named) > _OPERATORS_MAX or not all(_OPERATOR.fullmatch(name) for name in named):
        faults.append(Fault("/limits/operators", f"send at most {_OPERATORS_MAX} ids of operators, such as alba"))
    if faults:
        raise InvalidRequest("these limits cannot be set", faults)


def read(text: str | None) -> Limits:
    """Limits as they are stored."""
    return Limits() if text is None else msgspec.json.decode(text, type=Limits)


def write(limits: Limits) -> str:
    """Limits as they are stored."""
    return msgspec.json.encode(limits).decode("utf-8")
