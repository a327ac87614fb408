"""Whose figures somebody may read: their own, those of the tenants below, and of the whole who answers to nobody."""

from collections import OrderedDict
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.storage.consumer_store import Ancestor

_ENTRIES_MAX = 10_000


class TenantTree(Protocol):
    """The tenants and the platforms above them."""

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it, nearest first."""
        ...


class Visible(msgspec.Struct, frozen=True):
    """The tenants whose figures are told, and whether those of the process are: what it does for all together."""

    tenants: frozenset[str]
    process: bool


class WhoseFigures:
    """Looks tenants up. What is above a tenant never changes, so it is asked once.

    A tenant without a platform above it was made by whoever runs the broker, and so was its key: it may read of the
    whole, in which no tenant is named.
    """

    def __init__(self, tree: TenantTree) -> None:
        self._tree = tree
        self._above: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    async def __call__(self, principal: Principal, counted: AbstractSet[str]) -> Visible:
        """What this caller may read of the tenants that were ``counted``.

        Raises:
            NotPermitted: the scope ``metrics:read`` is missing.
            Unrecorded, Overloaded: it cannot be looked up now.
        """
        authorize.require(principal, authorize.METRICS)
        own = principal.tenant
        # A tenant's name begins with its platform's; that the other is its platform, only the tree says.
        likely = [one for one in counted if one == own or one.startswith(f"{own}.")]
        below = {one for one in likely if own in await self._lineage(one)}
        return Visible(frozenset(below), process=len(await self._lineage(own)) <= 1)

    async def _lineage(self, tenant: str) -> tuple[str, ...]:
        known = self._above.get(tenant)
        if known is None:
            known = tuple(one.tenant for one in await self._tree.lineage(tenant))
            self._above[tenant] = known
            while len(self._above) > _ENTRIES_MAX:
                self._above.popitem(last=False)
        return known
