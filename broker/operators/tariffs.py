"""What each operator's signals cost and how long they take, from its file in ``config/operators``."""

from collections.abc import Mapping, Sequence

from broker.adapter_kit.adapter import Adapter, Capability
from broker.adapter_kit.camara import SIGNALS
from broker.adapter_kit.deployment import OperatorSettings
from broker.domain.cost import Charge, Tariff
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import SignalName, Source
from broker.errors import Misconfigured

Tariffs = Mapping[SignalName, Tariff]

_TYPICAL_MS = 300.0
"""For an API without a figure of its own."""


def tariffs(operator: str, settings: OperatorSettings, adapter: Adapter) -> Tariffs:
    """The tariff of each signal that an operator offers.

    Raises:
        Misconfigured: a price or a time for an API that the operator does not offer; it would count nowhere.
    """
    prices = settings.price.per_call if settings.price else {}
    offered = {one.api for one in adapter.capabilities.values()} | {one.api for one in adapter.instruments.values()}
    for key, named in (("price.per_call", prices), ("latency.typical_ms", settings.latency.typical_ms)):
        if unknown := sorted(set(named) - offered):
            raise Misconfigured(
                f"config/operators/{operator}.toml, key {key}: {', '.join(unknown)} is not offered by its adapter; "
                f"offered are {', '.join(sorted(offered))}"
            )
    currency = settings.price.currency if settings.price else ""
    return {
        name: Tariff(prices.get(one.api), currency, settings.latency.typical_ms.get(one.api, _TYPICAL_MS))
        for name, one in adapter.capabilities.items()
    }


def of_file(settings: OperatorSettings) -> Tariffs:
    """The tariff of each signal whose API the file names, as far as one can tell without the adapter's manifest."""
    prices = settings.price.per_call if settings.price else {}
    currency = settings.price.currency if settings.price else ""
    named = {**prices, **settings.latency.typical_ms}
    return {
        SIGNALS[api]: Tariff(prices.get(api), currency, settings.latency.typical_ms.get(api, _TYPICAL_MS))
        for api in named
        if api in SIGNALS
    }


def charges(
    settings: OperatorSettings, offered: Mapping[SignalName, Capability] | Mapping[InstrumentName, Source]
) -> dict[Category, Charge]:
    """What a call costs for each signal or instrument that is offered and has a price."""
    price = settings.price
    if price is None:
        return {}
    named = {name: price.per_call.get(one.api) for name, one in offered.items()}
    return {name: Charge(amount, price.currency) for name, amount in named.items() if amount is not None}


def of_sources(sources: Sequence[str], by_operator: Mapping[str, Tariffs]) -> Tariffs:
    """The tariffs of several sources together, each signal at the most preferred one that offers it."""
    return {name: tariff for source in reversed(sources) for name, tariff in by_operator[source].items()}
