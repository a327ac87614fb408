"""Stop an agent, an action type, a policy or everything of a tenant; a second person lets it go on."""

from collections.abc import Callable

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.governance import Stop, StopKind
from broker.errors import Conflict, Fault, InvalidRequest, NotFound, NotPermitted
from broker.storage import policy_store
from broker.storage.policy_store import PolicyStore
from broker.usecases.policy.policies_in_force import PoliciesInForce, entry
from broker.usecases.policy.policy_views import StopOut, StopsOut, stop_view

_STOPS_MAX = 200
_STOP_ATTEMPTS = 5


class Halt:
    """The emergency brake of one's own tenant. Every node answers ``deny`` within ``policies.stale_ms``."""

    def __init__(
        self, store: PolicyStore, policies: PoliciesInForce, clock: Clock, new_id: Callable[[str], str]
    ) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock
        self._new_id = new_id

    async def stop(self, principal: Principal, kind: StopKind, value: str, reason: str) -> StopOut:
        """Halt; durable, and in force on this node, when this returns.

        Raises:
            InvalidRequest: nothing is named, or something is where the whole tenant is meant.
            Conflict: too many stops are in force.
        """
        authorize.require(principal, authorize.POLICY_STOP)
        if (kind is StopKind.TENANT) != (not value):
            raise InvalidRequest(
                "this cannot be stopped", [Fault("/value", "name what to stop; leave it out for the whole tenant")]
            )
        stop = Stop(
            tenant=principal.tenant,
            stop_id=self._new_id("stp"),
            kind=kind,
            value=value,
            reason=reason,
            stopped_by=principal.consumer,
            stopped_ms=int(self._clock.now().timestamp() * 1000),
        )
        leaf = entry(stop.stop_id, stop.tenant, "stop", f"{kind} {value}".strip(), None, stop.stopped_by, self._clock)
        for attempt in range(_STOP_ATTEMPTS):
            state = await self._policies.of(principal.tenant)
            if len(state.stops) >= _STOPS_MAX:
                raise Conflict(f"{_STOPS_MAX} stops are in force: stop the whole tenant, or resume some")
            try:
                await self._store.amend(stop.tenant, state.revision, [policy_store.add_stop(stop)], [leaf])
                break
            except Conflict:  # a stop must not lose against somebody who edits a policy
                if attempt == _STOP_ATTEMPTS - 1:
                    raise
                await self._policies.look_again()
        await self._policies.look_again()
        return stop_view(stop)

    async def resume(self, principal: Principal, stop_id: str) -> StopOut:
        """Let it go on.

        Raises:
            NotPermitted: the caller stopped it: going on needs a second person.
            NotFound: no such stop.
            Conflict: it was resumed already.
        """
        authorize.require(principal, authorize.POLICY_APPROVE)
        if principal.agent is not None:
            raise NotPermitted("people resume what was stopped: use a credential without an agent")
        state = await self._policies.of(principal.tenant)
        stop = next((one for one in await self._store.stops(principal.tenant) if one.stop_id == stop_id), None)
        if stop is None:
            raise NotFound("there is no such stop")
        if stop.resumed_ms is not None:
            raise Conflict("this was resumed already")
        if stop.stopped_by == principal.consumer:
            raise NotPermitted("going on needs a second person: somebody other than who stopped it")
        now_ms = int(self._clock.now().timestamp() * 1000)
        resumed = msgspec.structs.replace(stop, resumed_by=principal.consumer, resumed_ms=now_ms)
        about = f"{stop.kind} {stop.value} {stop.stop_id}"
        leaf = entry(self._new_id("pev"), stop.tenant, "resume", about, None, principal.consumer, self._clock)
        await self._store.amend(stop.tenant, state.revision, [policy_store.resume(resumed)], [leaf])
        await self._policies.look_again()
        return stop_view(resumed)

    async def overview(self, principal: Principal) -> StopsOut:
        """Stops, those in force first."""
        authorize.require(principal, authorize.POLICY_READ)
        return StopsOut(tuple(map(stop_view, await self._store.stops(principal.tenant))))
