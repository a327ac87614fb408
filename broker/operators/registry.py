"""Every operator of a deployment, opened once, guarded, and closed together."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from broker.adapter_kit.adapter import Adapter, Capability
from broker.adapter_kit.assembly import Surroundings, open_adapter
from broker.adapter_kit.authorization_code import HoldsCeremonies
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.instruments import OrdersOnConsent
from broker.adapter_kit.magic import magic_numbers
from broker.domain.cost import Charge
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import SignalName, Source
from broker.operators.consents import AsksConsentFirst, ConsentMemory, no_scopes
from broker.operators.contracts import Contracts, routed
from broker.operators.guards.breaker import BreakerState, EgressWatch
from broker.operators.guards.compose import guard
from broker.operators.guards.limits import GuardLimits
from broker.operators.sides import KeepsSides, MagicNumbers
from broker.operators.sources import InPreference
from broker.operators.tariffs import Tariffs, charges, of_sources, tariffs


class Offered(NamedTuple):
    """What an operator can tell and do."""

    capabilities: Mapping[SignalName, Capability]
    instruments: Mapping[InstrumentName, Source]


class Registry:
    """Operator id to live adapter. Opening reads manifests and secrets; no operator is called."""

    def __init__(
        self,
        operators: Mapping[str, OperatorSettings],
        contracts: Contracts,
        surroundings: Surroundings,
        limits: GuardLimits,
    ) -> None:
        """Open them all, and put the guards around each.

        Raises:
            Misconfigured: an adapter is not installed, or a manifest, secret or key does not fit.
        """
        self.magic: Mapping[str, MagicNumbers] = MappingProxyType(
            {name: magic_numbers(settings.adapter) for name, settings in operators.items() if settings.sandbox}
        )
        places = {name: settings.in_place_of or name for name, settings in operators.items()}
        watch = EgressWatch(len(routed(operators)), limits.suspect_window_s, places)
        watch_sandbox = EgressWatch(len(self.magic), limits.suspect_window_s)
        opened = {name: open_adapter(name, settings, surroundings) for name, settings in operators.items()}
        self._ceremonies = {name: one for name, one in opened.items() if isinstance(one, HoldsCeremonies)}
        self._guarded = {
            name: guard(
                adapter,
                limits,
                surroundings.clock,
                surroundings.random,
                watch_sandbox if name in self.magic else watch,
            )
            for name, adapter in opened.items()
        }
        self.consents = ConsentMemory(surroundings.clock)
        asking_first = {
            name: _asking_first(guarded.adapter, opened[name], self.consents) for name, guarded in self._guarded.items()
        }
        self._adapters: dict[str, Adapter] = {
            name: KeepsSides(adapter, self.magic.get(name), partial(contracts.serves, name))
            for name, adapter in asking_first.items()
        }
        self.tariffs: Mapping[str, Tariffs] = MappingProxyType(
            {name: tariffs(name, settings, self._adapters[name]) for name, settings in operators.items()}
        )
        self._charges = {
            name: charges(settings, one.capabilities) | charges(settings, one.instruments)
            for (name, settings), one in zip(operators.items(), self._adapters.values(), strict=True)
        }
        self._tariffs_together: dict[tuple[str, ...], Tariffs] = {}
        self._limits, self._clock = limits, surroundings.clock
        self._together: dict[tuple[str, ...], Adapter] = {}

    def through(self, sources: tuple[str, ...]) -> Adapter | None:
        """One adapter over these operators, in this order of preference; ``None`` over none.

        A route that was recorded may name operators whose files are gone.
        """
        sources = tuple(name for name in sources if name in self._adapters)
        if len(sources) <= 1:
            return self._adapters[sources[0]] if sources else None
        adapter = self._together.get(sources)
        if adapter is None:  # as many as networks with several sources have contracts
            adapter = InPreference([self._adapters[name] for name in sources], self._limits, self._clock)
            self._together[sources] = adapter
        return adapter

    def tariffs_through(self, sources: tuple[str, ...]) -> Tariffs:
        """The tariffs of these operators together, the same object each time."""
        found = self._tariffs_together.get(sources)
        if found is None:
            found = self._tariffs_together[sources] = of_sources(sources, self.tariffs)
        return found

    def charge(self, operator: str, category: Category) -> Charge | None:
        """What one question, or one order, costs at an operator; ``None`` where no price is known."""
        return self._charges.get(operator, {}).get(category)

    def offered(self) -> Mapping[str, Offered]:
        """What each operator offers, without anything that could be asked."""
        return {name: Offered(one.capabilities, one.instruments) for name, one in self._adapters.items()}

    @property
    def adapters(self) -> Mapping[str, Adapter]:
        """The live adapters, each behind its guards."""
        return MappingProxyType(self._adapters)

    @property
    def ceremonies(self) -> Mapping[str, HoldsCeremonies]:
        """Who can send a person's browser to an operator and read what comes back; neither calls the operator."""
        return MappingProxyType(self._ceremonies)

    def breakers(self, operator: str) -> Mapping[SignalName, BreakerState]:
        """How the breaker of each of an operator's APIs stands."""
        guarded = self._guarded[operator]
        return {name: guarded.breaker.state(name) for name in guarded.adapter.capabilities}

    async def aclose(self) -> None:
        """Give every connection back; one that fails keeps none of the others."""
        async with AsyncExitStack() as stack:
            for adapter in self._adapters.values():
                stack.push_async_callback(adapter.aclose)


def _asking_first(adapter: Adapter, opened: Adapter, memory: ConsentMemory) -> Adapter:
    if InstrumentName.CONSENT_STATUS not in adapter.instruments:
        return adapter
    scopes = opened.order_scopes if isinstance(opened, OrdersOnConsent) else no_scopes
    return AsksConsentFirst(adapter, memory, scopes)
