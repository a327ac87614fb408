"""Who can be asked, about what, at which price, and whether they are well."""

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from broker.adapter_kit.adapter import Capability
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.cost import Charge
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import SignalName, Source
from broker.operators.guards.breaker import BreakerState
from broker.usecases.operators.magic_numbers import MagicNumbersOut, numbers_of
from broker.usecases.operators.whose_operators import WhoseOperators

Health = Literal["well", "left_alone", "being_tried"]
_HEALTH: dict[BreakerState, Health] = {
    BreakerState.CLOSED: "well",
    BreakerState.OPEN: "left_alone",
    BreakerState.HALF_OPEN: "being_tried",
}


class PriceOut(msgspec.Struct, frozen=True):
    """Money: a decimal in a string, and an ISO 4217 code."""

    value: str
    currency: str


class CapabilityOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A signal and the API that gives it, at one version, with the price of one question where there is one.

    ``health`` is that of this API as this process sees it: ``left_alone`` after it failed, ``being_tried`` again.
    """

    signal: SignalName
    api: str
    version: str
    health: Health
    price: PriceOut | None = None


class InstrumentOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Something that the operator does, such as a text message with a code, and the price of one order."""

    instrument: InstrumentName
    api: str
    version: str
    price: PriceOut | None = None


class OperatorOut(msgspec.Struct, frozen=True, rename="camel"):
    """A live operator. ``sandbox``: a pretend one, which tenants of the sandbox ask."""

    operator: str
    sandbox: bool
    capabilities: tuple[CapabilityOut, ...]
    instruments: tuple[InstrumentOut, ...]


class OperatorsOut(msgspec.Struct, frozen=True, rename="camel"):
    """The ``signals`` that somebody can be asked for, and by whom; ``operators`` are told with ``trust:explain``."""

    signals: tuple[SignalName, ...]
    operators: tuple[OperatorOut, ...]


class Offer(Protocol):
    """What an operator can tell and do."""

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """What it can tell."""
        ...

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """What it does when it is ordered to."""
        ...


class Roll(Protocol):
    """Where operators are known by what they offer; nobody can be asked through it."""

    @property
    def magic(self) -> Mapping[str, Mapping[str, str]]:
        """The operators of the sandbox, with what is true about each of their numbers."""
        ...

    def offered(self) -> Mapping[str, Offer]:
        """What each operator offers."""
        ...

    def breakers(self, operator: str) -> Mapping[SignalName, BreakerState]:
        """How the breaker of each of an operator's APIs stands."""
        ...

    def charge(self, operator: str, category: Category) -> Charge | None:
        """What one question, or one order, costs there."""
        ...


class ListOperators:
    """Tells a caller about the operators that can be asked for its tenant, those of its own contracts too."""

    def __init__(self, roll: Roll, operators: WhoseOperators) -> None:
        self._roll = roll
        self._operators = operators

    async def __call__(self, principal: Principal) -> OperatorsOut:
        """The operators; without ``trust:explain`` no more than what can be known, not by whom and at which price.

        Raises:
            NotPermitted: the caller lacks the scope ``trust:check``.
        """
        authorize.require(principal, authorize.CHECK)
        found = tuple(self._told(await self._operators.of(principal.tenant)))
        signals = sorted({one.signal for operator in found for one in operator.capabilities})
        return OperatorsOut(tuple(signals), found if authorize.EXPLAIN in principal.scopes else ())

    def numbers(self, principal: Principal) -> MagicNumbersOut:
        """The magic numbers, for whoever may ask about any.

        Raises:
            NotPermitted: the caller lacks the scope ``trust:check``.
        """
        authorize.require(principal, authorize.CHECK)
        return numbers_of(self._roll.magic)

    def _told(self, names: tuple[str, ...]) -> Iterator[OperatorOut]:
        offered = self._roll.offered()
        for name in names:
            offer, states = offered[name], self._roll.breakers(name)
            yield OperatorOut(
                name,
                name in self._roll.magic,
                tuple(
                    CapabilityOut(signal, one.api, one.version, _HEALTH[states[signal]], self._price(name, signal))
                    for signal, one in sorted(offer.capabilities.items())
                ),
                tuple(
                    InstrumentOut(instrument, source.api, source.version, self._price(name, instrument))
                    for instrument, source in sorted(offer.instruments.items())
                ),
            )

    def _price(self, operator: str, category: Category) -> PriceOut | None:
        charge = self._roll.charge(operator, category)
        return None if charge is None else PriceOut(str(charge.amount), charge.currency)
