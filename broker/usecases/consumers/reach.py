"""How far an administrator reaches: to its own tenant and those below, and to no scope beyond what it holds."""

from typing import Protocol

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.errors import NotFound, NotPermitted
from broker.storage.consumer_store import Ancestor


class Lineages(Protocol):
    """Whose tenants are whose."""

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it, nearest first; empty where there is no such tenant."""
        ...


class Reach:
    """What an administrator may lay hands on. Whoever runs the broker has no principal and reaches everything."""

    def __init__(self, tree: Lineages) -> None:
        self._tree = tree

    async def require(self, by: Principal | None, tenant: str, *, own: bool = False) -> Ancestor:
        """The tenant, where it is below that of whoever asks; with ``own``, or where it is that one.

        Raises:
            NotPermitted: whoever asks lacks ``tenant:admin``, or is an agent.
            NotFound: it is not; another's looks as if there were none.
        """
        if by is not None:
            authorize.require_person(by, authorize.TENANT_ADMIN)
        lineage = await self._tree.lineage(tenant)
        above = {each.tenant for each in (lineage if own else lineage[1:])}
        if not lineage or (by is not None and by.tenant not in above):
            raise NotFound("there is no such tenant below yours")
        return lineage[0]


def require_gift(by: Principal | None, tenant: str, scopes: tuple[str, ...]) -> None:
    """Let scopes pass that whoever asks may give to a credential of a tenant, or take over with one.

    Raises:
        NotPermitted: says which may not be given, and by whom they may.
    """
    if by is None:
        return
    beyond = sorted(set(scopes) - authorize.gift(by, tenant))
    if beyond:
        raise NotPermitted(
            f"you cannot give {', '.join(beyond)}: nobody gives what it does not hold, nor both policy:publish and "
            "policy:approve, nor makes a second person in its own tenant; ask a second administrator or the operator"
        )
