"""Grant that personal data may be told in clear, take it back, and show who did; a leaf of the log for each change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.disclosure import Disclosure, TenantGrant
from broker.domain.instrument import InstrumentName
from broker.errors import Fault, InvalidRequest, NotFound
from broker.storage.disclosure_store import DisclosureStore
from broker.storage.policy_store import Entry
from broker.usecases.policy.policies_in_force import entry

GRANT_MAX = timedelta(days=366)
"""A grant that nobody renews ends."""


class NewGrant(msgspec.Struct, frozen=True):
    """What is to be told in clear, what for, why, and until when."""

    disclosure: Disclosure
    purpose: str
    reason: str
    expires_at: datetime


class GrantOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A grant. ``stands`` says whether it permits anything now."""

    id: str
    disclosure: Disclosure
    purpose: str
    reason: str
    stands: bool
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None


class GrantsOut(msgspec.Struct, frozen=True):
    """A tenant's grants, latest first."""

    grants: tuple[GrantOut, ...]


class ManageDisclosures:
    """The grants of a tenant. Only people grant: an agent must not open what it may then want to read."""

    def __init__(self, store: DisclosureStore, gate: ConsentGate, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock
        self._new_id = new_id

    async def grant(self, principal: Principal, new: NewGrant) -> GrantOut:
        """Record a grant.

        Raises:
            NotPermitted: the caller lacks the scope, or acts through an agent.
            InvalidRequest: the purpose covers nothing of this, or the end makes no sense.
        """
        authorize.require_person(principal, authorize.TENANT_ADMIN)
        self._require_sound(new)
        grant = TenantGrant(
            tenant=principal.tenant,
            grant_id=self._new_id("dgr"),
            disclosure=new.disclosure,
            purpose=new.purpose,
            reason=new.reason,
            granted_by=principal.consumer,
            granted_ms=self._now_ms(),
            expires_ms=_ms(new.expires_at),
        )
        await self._store.add(grant, self._leaf(grant, "disclosure.granted", principal))
        return self._shown(grant)

    async def withdraw(self, principal: Principal, grant_id: str) -> GrantOut:
        """Take a grant back, effective with the next order. Taking back what was taken back already changes nothing.

        Raises:
            NotFound: the tenant has no such grant.
        """
        authorize.require_person(principal, authorize.TENANT_ADMIN)
        grant = await self._found(principal, grant_id)
        if grant.withdrawn_ms is None:
            ended = msgspec.structs.replace(grant, withdrawn_by=principal.consumer, withdrawn_ms=self._now_ms())
            if not await self._store.withdraw(ended, self._leaf(ended, "disclosure.withdrawn", principal)):
                ended = await self._found(principal, grant_id)
            grant = ended
        return self._shown(grant)

    async def overview(self, principal: Principal) -> GrantsOut:
        """Every grant of the tenant, those that are over too."""
        authorize.require(principal, authorize.TENANT_ADMIN)
        return GrantsOut(tuple(map(self._shown, await self._store.of_tenant(principal.tenant))))

    async def _found(self, principal: Principal, grant_id: str) -> TenantGrant:
        grant = await self._store.find(principal.tenant, grant_id)
        if grant is None:
            raise NotFound("no such grant")
        return grant

    def _require_sound(self, new: NewGrant) -> None:
        now, faults = self._clock.now(), []
        if not self._gate.covers(new.purpose, InstrumentName(new.disclosure)):
            detail = f"name a purpose under which purposes.toml has {new.disclosure}"
            faults.append(Fault("/purpose", detail))
        if not now < new.expires_at <= now + GRANT_MAX:
            faults.append(Fault("/expiresAt", f"send an instant to come, within {GRANT_MAX.days} days"))
        if faults:
            raise InvalidRequest("this cannot be granted", faults)

    def _leaf(self, grant: TenantGrant, event: str, principal: Principal) -> Entry:
        about = f"{grant.grant_id} {grant.disclosure} {grant.purpose}"
        return entry(self._new_id("dev"), grant.tenant, event, about, None, principal.consumer, self._clock)

    def _shown(self, grant: TenantGrant) -> GrantOut:
        return GrantOut(
            id=grant.grant_id,
            disclosure=grant.disclosure,
            purpose=grant.purpose,
            reason=grant.reason,
            stands=grant.stands(self._now_ms()),
            granted_by=grant.granted_by,
            granted_at=_at(grant.granted_ms),
            expires_at=_at(grant.expires_ms),
            withdrawn_by=grant.withdrawn_by,
            withdrawn_at=None if grant.withdrawn_ms is None else _at(grant.withdrawn_ms),
        )

    def _now_ms(self) -> int:
        return _ms(self._clock.now())


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
