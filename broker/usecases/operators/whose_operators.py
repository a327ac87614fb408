"""Which operators are there for a tenant: under its contracts, as far as the platforms above it let it use them."""

from broker.consumers.standing import Standings
from broker.domain.tenancy import OperatorLists
from broker.operators.contracts import Contracts


class WhoseOperators:
    """Answers from the operators' files and from what is remembered of tenants, so as fresh as a suspension is."""

    def __init__(self, standings: Standings, contracts: Contracts) -> None:
        self._standings = standings
        self._contracts = contracts

    async def lists(self, tenant: str) -> OperatorLists:
        """What operators must be on to be asked for a tenant."""
        return (await self._standings.of(tenant)).operators

    async def of(self, tenant: str) -> tuple[str, ...]:
        """Everybody who can be asked for a tenant."""
        return self._contracts.all_of(tenant, await self.lists(tenant))

    async def may_ask(self, tenant: str, sources: tuple[str, ...]) -> bool:
        """Whether all of these may be asked for a tenant, now; a route that was recorded may be older."""
        return self._contracts.asked(sources, tenant, await self.lists(tenant)) == sources
