"""Quotas at every level: of an agent, of its tenant, and of each platform above it. One round trip, all or nothing."""

from broker.clock import Clock
from broker.consumers.limits import Limits
from broker.consumers.standing import Standings
from broker.domain.allowance import Allowance
from broker.domain.check import Principal
from broker.errors import QuotaExceeded
from broker.storage.kv import Kv, Take

_MINUTE_S = 60
_DAY_S = 86_400


class Quotas:
    """Counts checks in minutes and days (UTC). Where nothing is limited, nothing is counted."""

    def __init__(self, kv: Kv, standings: Standings, clock: Clock) -> None:
        self._kv = kv
        self._standings = standings
        self._clock = clock

    async def take(self, principal: Principal) -> tuple[Allowance, ...]:
        """Count one check, and say what is left of each quota that it counts for.

        Raises:
            QuotaExceeded: one is used up; nothing was counted for the others.
            Overloaded: it cannot be counted now.
        """
        standing = await self._standings.of(principal.tenant)
        now_s = int(self._clock.now().timestamp())
        wanted: list[tuple[Take, Allowance]] = []
        for up, (tenant, limits) in enumerate(standing.limited):
            wanted += _wanted(principal, tenant, limits, up, now_s)
        if not wanted:
            return ()
        taken = await self._kv.take([take for take, _ in wanted])
        if taken.refused is not None:
            refused = wanted[taken.refused][1]
            raise QuotaExceeded(refused.name, refused.limit, refused.window_s, retry_after_s=refused.reset_s)
        return tuple(allowance.after(count) for (_, allowance), count in zip(wanted, taken.counts, strict=True))


def _wanted(principal: Principal, tenant: str, limits: Limits, up: int, now_s: int) -> list[tuple[Take, Allowance]]:
    # The tenant's name is in every key; lengths keep two of them from reading alike.
    whose = "tenant" if tenant == principal.tenant else "platform" if up == 1 else f"platform-{up}"
    found = []
    for limit, window_s, word in (
        (limits.checks_per_minute, _MINUTE_S, "minute"),
        (limits.checks_per_day, _DAY_S, "day"),
    ):
        if limit is not None:
            found.append(_take(f"{whose}-{word}", word, (tenant,), limit, window_s, now_s))
    acting = _acting(principal)
    if limits.agent_checks_per_minute is not None and acting is not None and tenant == principal.tenant:
        agent = (tenant, principal.consumer, acting)
        found.append(_take("agent-minute", "agent-minute", agent, limits.agent_checks_per_minute, _MINUTE_S, now_s))
    return found


def _acting(principal: Principal) -> str | None:
    """The agent: of the credential, or else whoever acts for a user by its token (the outermost ``act``, RFC 8693)."""
    if principal.agent is not None or principal.delegation is None:
        return principal.agent
    return principal.delegation.chain[0]


def _take(
    name: str, counter: str, whose: tuple[str, ...], limit: int, window_s: int, now_s: int
) -> tuple[Take, Allowance]:
    # The name says how far up the owner is; the counter does not, for all levels below share what the owner has.
    key = ":".join(("quota", counter, *(f"{len(part)}:{part}" for part in whose), str(now_s // window_s)))
    reset_s = window_s - now_s % window_s
    return Take(key, 1, limit, reset_s + 1), Allowance(name, limit, limit, window_s, reset_s)
