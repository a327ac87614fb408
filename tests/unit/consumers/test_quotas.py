"""Whose quota a check counts for."""

import pytest

from broker.consumers.memory import MemoryLimits
from broker.consumers.quotas import Quotas
from broker.consumers.standing import Standings
from broker.domain.check import Delegation, Principal
from broker.errors import QuotaExceeded
from broker.storage.consumer_store import Ancestor
from broker.storage.kv import MemoryKv
from tests.support.clocks import HandClock


class Tree:
    """One tenant, whose agents may ask once a minute each."""

    async def lineage(self, tenant: str) -> list[Ancestor]:
        return [Ancestor(tenant, None, None, '{"agentChecksPerMinute": 1}', 0)]


def asking(agent: str | None = None, acting: str | None = None, user: str = "usr_ana") -> Principal:
    delegation = Delegation(user, (acting, "behind")) if acting else None
    return Principal("acme", "shop", agent, frozenset(), "key", delegation=delegation)


async def test_an_agent_is_counted_by_its_credential_or_by_who_acts_for_a_user() -> None:
    clock = HandClock()
    quotas = Quotas(MemoryKv(clock.monotonic_s), Standings(Tree(), clock, MemoryLimits()), clock)
    for _ in range(3):
        assert await quotas.take(asking()) == ()  # a back end is no agent
    for one in (asking("till"), asking(acting="cl_one"), asking(acting="cl_two")):
        (allowance,) = await quotas.take(one)
        assert (allowance.name, allowance.left) == ("agent-minute", 0)
    for again in (asking("till", acting="till"), asking(acting="cl_one"), asking(acting="cl_two", user="usr_bob")):
        with pytest.raises(QuotaExceeded):
            await quotas.take(again)
