"""What operators charge: the tariff of an API, and the bill of a check."""

from decimal import Decimal

import msgspec

from broker.domain.signal import SignalName


class Tariff(msgspec.Struct, frozen=True):
    """What one call of an API costs at one operator (``None`` where no price is known), and its typical time."""

    price: Decimal | None
    currency: str
    typical_ms: float


class Charge(msgspec.Struct, frozen=True):
    """What one question cost."""

    amount: Decimal
    currency: str


class CheckCost(msgspec.Struct, frozen=True):
    """What a check cost. Sums are by currency, for nothing is converted.

    ``signals`` are those that were asked for; ``saved`` is the price of what was left out on purpose.
    """

    signals: dict[SignalName, Charge]
    total: dict[str, Decimal]
    saved: dict[str, Decimal]


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question that an operator was asked, for whoever pays; without amount where no price is known.

    ``signal`` names a signal or an instrument.
    """

    operator: str | None
    signal: str
    currency: str | None = None
    amount: Decimal | None = None
