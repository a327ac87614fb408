"""How a tenant stands: whose it is, and whether it may act."""

from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import limits
from broker.consumers.limits import Limits
from broker.consumers.memory import Memory, MemoryLimits
from broker.domain.tenancy import OperatorLists
from broker.errors import NotPermitted
from broker.storage.consumer_store import Ancestor


class TenantTree(Protocol):
    """The tenants and the platforms above them."""

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it, nearest first."""
        ...


class Standing(msgspec.Struct, frozen=True):
    """A tenant and the platforms above it, nearest first, and what each of them may use."""

    lineage: tuple[Ancestor, ...]
    limited: tuple[tuple[str, Limits], ...] = ()

    @property
    def suspended(self) -> bool:
        """Whether it is suspended, or a platform above it."""
        return any(each.suspended_ms is not None for each in self.lineage)

    @property
    def operators(self) -> OperatorLists:
        """What operators must be on to be asked for it; an empty list has nobody on it."""
        return tuple(frozenset(each.operators) for _, each in self.limited if each.operators is not None)


class Standings:
    """Looks tenants up, and remembers each for a few seconds: that long a suspension may go unnoticed on a node."""

    def __init__(self, tree: TenantTree, clock: Clock, limits: MemoryLimits) -> None:
        self._tree = tree
        self._memory: Memory[Standing] = Memory(clock, limits)
        self._memory_s = limits.memory_s

    async def of(self, tenant: str) -> Standing:
        """How a tenant stands now, give or take the memory."""
        return await self._memory.get(tenant.encode("utf-8"), lambda: self._look_up(tenant))

    async def require_active(self, tenant: str) -> None:
        """Let a tenant pass that may act.

        Raises:
            NotPermitted: it is suspended, or a platform above it is.
        """
        if (await self.of(tenant)).suspended:
            raise NotPermitted("this tenant is suspended: ask whoever runs its platform")

    async def _look_up(self, tenant: str) -> tuple[Standing, float]:
        lineage = tuple(await self._tree.lineage(tenant))
        limited = tuple((each.tenant, limits.read(each.limits)) for each in lineage)
        return Standing(lineage, limited), self._memory_s
