"""Have somebody's trust looked at again and again: start a watch, see how it stands, end it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.domain.check import Action, Principal
from broker.domain.event import EventKind
from broker.domain.phone import PhoneNumber
from broker.domain.watch import Watch, WatchCode, WatchState, over
from broker.errors import Conflict, Fault, InvalidRequest, NotFound
from broker.events.compose import Composer
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import Vault
from broker.storage.event_store import put
from broker.storage.watch_store import WatchStore
from broker.usecases.events.watch_views import WatchesOut, WatchOut, watch_event, watch_out
from broker.usecases.permit import Permit
from broker.usecases.policy.policies_in_force import PoliciesInForce, entry
from broker.usecases.ports import Answered, Asked
from broker.usecases.run_check import require_purpose


class WatchLimits(msgspec.Struct, frozen=True):
    """How many watches a tenant has at once, how often one looks (seconds), and for how many days at most.

    A node that took one up holds it for ``lease_s``; one that could not look tries again after ``again_s``.
    ``at_once`` are under way together on a node.
    """

    per_tenant_max: int = 1000
    every_min_s: int = 3600
    days_max: int = 365
    at_once: int = 4
    lease_s: int = 60
    again_s: int = 60


class Standing(Protocol):
    """Whether a tenant may act."""

    async def require_active(self, tenant: str) -> None:
        """Raise ``NotPermitted`` where it may not."""
        ...


class WatchTools(msgspec.Struct, frozen=True):
    """What watching works with, built once by ``bootstrap``. ``holds`` tells whether a consumer can still call."""

    store: WatchStore
    vault: Vault
    pseudonyms: Pseudonyms
    policies: PoliciesInForce
    gate: ConsentGate
    permit: Permit
    standings: Standing
    holds: Callable[[str, str], Awaitable[bool]]
    run_check: Callable[[Asked], Awaitable[Answered]]
    compose: Composer
    clock: Clock
    new_id: Callable[[str], str]
    limits: WatchLimits

    def now_ms(self) -> int:
        """The instant, in milliseconds."""
        return int(self.clock.now().timestamp() * 1000)


class NewWatch(msgspec.Struct, frozen=True):
    """What is asked for: about whom, for which action and purpose, how often, until when."""

    phone: PhoneNumber
    action_type: str
    purpose: str
    every_s: int
    expires_at: datetime


class ManageWatches:
    """Needs ``trust:watch``; a consumer sees its own watches, and an agent those that it started."""

    def __init__(self, tools: WatchTools) -> None:
        self.tools = tools

    async def start(self, principal: Principal, new: NewWatch) -> WatchOut:
        """Look for the first time soon, and then again and again.

        Raises:
            InvalidRequest: an action type or a purpose that is not known, an interval or an end beyond the limits.
            NotPermitted: the scope is missing, or the policy does not cover the purpose.
            Conflict: this consumer watches this person for this action already, or the tenant has too many watches.
        """
        authorize.require(principal, authorize.WATCH)
        tools, now_ms = self.tools, self.tools.now_ms()
        self._require_sound(new, now_ms)
        document, _ = (await tools.policies.of(principal.tenant)).book.resolve(Action(new.action_type))
        require_purpose(tools.gate, document, new.purpose)
        if await tools.store.count_open(principal.tenant) >= tools.limits.per_tenant_max:
            raise Conflict(f"there are {tools.limits.per_tenant_max} watches: end one first")
        subject = tools.pseudonyms.subject(principal.tenant, new.phone)
        watch_id = tools.new_id("wch")
        watch = Watch(
            tenant=principal.tenant,
            watch_id=watch_id,
            subject=subject,
            consumer=principal.consumer,
            agent=principal.agent,
            action_type=new.action_type,
            purpose=new.purpose,
            every_s=new.every_s,
            state=WatchState.WATCHING,
            version=1,
            opened_ms=now_ms,
            expires_ms=int(new.expires_at.timestamp() * 1000),
            due_ms=now_ms,
            sealed=await tools.vault.seal(principal.tenant, subject, number_use(watch_id), new.phone.e164.encode()),
        )
        leaf = entry(
            tools.new_id("wce"), principal.tenant, "watch.start", watch_id, None, principal.consumer, tools.clock
        )
        if not await tools.store.open(watch, leaf):
            raise Conflict("this consumer watches this person for this action already: end that watch first")
        return watch_out(watch)

    async def overview(self, principal: Principal) -> WatchesOut:
        """The caller's watches, those that are over too."""
        authorize.require(principal, authorize.WATCH)
        found = await self.tools.store.of_consumer(principal.tenant, principal.consumer)
        return WatchesOut(tuple(watch_out(one) for one in found if _visible(one, principal)))

    async def show(self, principal: Principal, watch_id: str) -> WatchOut:
        """One of them.

        Raises:
            NotFound: there is none of that id that is the caller's.
        """
        return watch_out(await self._own(principal, watch_id))

    async def end(self, principal: Principal, watch_id: str) -> WatchOut:
        """Look no more, and forget the number; repeating it changes nothing.

        Raises:
            NotFound: there is none of that id that is the caller's.
            Conflict: somebody looks at this very moment.
        """
        watch = await self._own(principal, watch_id)
        if watch.due_ms is None:
            return watch_out(watch)
        if not await finish(self.tools, watch, WatchState.ENDED, WatchCode.WITHDRAWN, principal.consumer):
            raise Conflict("somebody looks at this very moment: end it again")
        return await self.show(principal, watch_id)

    async def _own(self, principal: Principal, watch_id: str) -> Watch:
        authorize.require(principal, authorize.WATCH)
        watch = await self.tools.store.find(principal.tenant, watch_id)
        if watch is None or watch.consumer != principal.consumer or not _visible(watch, principal):
            raise NotFound("there is no such watch of yours")
        return watch

    def _require_sound(self, new: NewWatch, now_ms: int) -> None:
        limits, faults = self.tools.limits, []
        ahead_s = new.expires_at.timestamp() - now_ms / 1000
        if new.every_s < limits.every_min_s:
            faults.append(Fault("/everyS", f"send {limits.every_min_s} or more"))
        if not 0 < ahead_s <= limits.days_max * 86_400:
            faults.append(Fault("/expiresAt", f"send an instant to come, at most {limits.days_max} days ahead"))
        if faults:
            raise InvalidRequest("nobody can be watched so", faults)


async def finish(tools: WatchTools, watch: Watch, state: WatchState, code: WatchCode | None, by: str) -> bool:
    """End a watch, in the record and to whoever listens; False where somebody else was quicker."""
    now_ms = tools.now_ms()
    ended = over(watch, state, code, now_ms)
    leaf = entry(tools.new_id("wce"), watch.tenant, f"watch.{state}", watch.watch_id, None, by, tools.clock)
    event = watch_event(tools.compose, EventKind.WATCH_ENDED, ended, now_ms)
    return await tools.store.move(ended, leaf, (put(event),))


def number_use(watch_id: str) -> str:
    """What the number of a watch is sealed for."""
    return f"watch:{watch_id}"


def _visible(watch: Watch, principal: Principal) -> bool:
    return principal.agent is None or watch.agent == principal.agent
