"""Every operator of a deployment, opened once and closed together."""

from collections.abc import Mapping
from types import MappingProxyType

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.assembly import Surroundings, open_adapter
from broker.adapter_kit.deployment import OperatorSettings


class Registry:
    """Operator id to live adapter. Opening reads manifests and secrets; no operator is called."""

    def __init__(self, operators: Mapping[str, OperatorSettings], surroundings: Surroundings) -> None:
        """Open them all.

        Raises:
            Misconfigured: an adapter is not installed, or a manifest, secret or key does not fit.
        """
        self._adapters = {name: open_adapter(name, settings, surroundings) for name, settings in operators.items()}

    @property
    def adapters(self) -> Mapping[str, Adapter]:
        """The live adapters."""
        return MappingProxyType(self._adapters)

    async def aclose(self) -> None:
        """Give every connection back."""
        for adapter in self._adapters.values():
            await adapter.aclose()
