"""What is counted: built once, and told of what happens."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from broker.domain.check import Action
from broker.domain.record import Check
from broker.operators.registry import Registry
from broker.storage.store import Store
from broker.surfaces.metrics import Figures
from broker.usecases.audit.log_watch import LogWatch

Settled = Callable[[Check, Action], None]


def open_figures(store: Store, registry: Registry, watch: LogWatch) -> Figures:
    """The figures of this process."""

    def written() -> Mapping[str, float]:
        return msgspec.structs.asdict(store.stats)

    def breakers() -> Iterator[tuple[str, str, str]]:
        for operator in registry.adapters:
            for name, state in registry.breakers(operator).items():
                yield operator, name.value, state.value

    return Figures(written, breakers, lambda: (watch.age_s, bool(watch.damage)))


def both(first: Settled, second: Settled) -> Settled:
    """Tell two of every settled check."""

    def settled(check: Check, action: Action) -> None:
        first(check, action)
        second(check, action)

    return settled
