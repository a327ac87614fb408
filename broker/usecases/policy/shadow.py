"""Run candidates beside live traffic: after the answer, off its path, bounded, and counted durably."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Action, Principal
from broker.domain.governance import Shadow
from broker.domain.record import Check
from broker.errors import BrokerError, Conflict, NotFound
from broker.policy.tally import Tally, total
from broker.storage import policy_store
from broker.storage.policy_store import PolicyStore
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.policies_in_force import PoliciesInForce, digest_of, entry
from broker.usecases.policy.policy_views import ShadowOut, ShadowsOut, shadow_view
from broker.usecases.policy.try_policies import TrialView, beside, read_candidate, trial_view

SHADOWS_MAX = 3
QUEUE_MAX = 1000
_FLUSH_S = 0.5
_log = logging.getLogger(__name__)


class ShadowReport(msgspec.Struct, frozen=True):
    """A run and what it has counted on all nodes so far; the last half second may be missing."""

    shadow: ShadowOut
    trial: TrialView


class Shadows:
    """Candidates of all tenants on one node. Belongs to one event loop."""

    def __init__(
        self,
        store: PolicyStore,
        policies: PoliciesInForce,
        rulebook: Rulebook,
        clock: Clock,
        new_id: Callable[[str], str],
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self._store = store
        self._policies = policies
        self._rulebook = rulebook
        self._clock = clock
        self._new_id = new_id
        self._node = new_id("nod")
        self._queue: asyncio.Queue[tuple[Check, Action]] = asyncio.Queue(queue_max)
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._changed: set[tuple[str, str]] = set()
        self._dropped: dict[str, int] = {}

    def offer(self, check: Check, action: Action) -> None:
        """Take a check that was answered. Never waits: with a full queue it is counted as dropped."""
        try:
            self._queue.put_nowait((check, action))
        except asyncio.QueueFull:
            self._dropped[check.tenant] = self._dropped.get(check.tenant, 0) + 1

    async def work(self) -> None:
        """Decide what was offered again, and write down the counts, for ever."""
        await asyncio.gather(self._count_for_ever(), self._flush_for_ever())

    async def start(self, principal: Principal, policy_id: str, text: str) -> ShadowOut:
        """Run a candidate beside the policy of its id.

        Raises:
            NotFound: the tenant has no such policy.
            InvalidRequest: the candidate is not valid, with each fault.
            Conflict: it is another policy's, or enough candidates run.
        """
        authorize.require(principal, authorize.POLICY_PUBLISH)
        candidate = await read_candidate(self._rulebook, text)
        state = await self._policies.of(principal.tenant)
        if policy_id not in state.book.documents:
            raise NotFound("there is no such policy")
        if candidate.id != policy_id:
            raise Conflict(f"the document is of the policy {candidate.id}, not {policy_id}")
        if len(state.shadows) >= SHADOWS_MAX:
            raise Conflict(f"{SHADOWS_MAX} candidates run already: end one")
        now_ms, digest = int(self._clock.now().timestamp() * 1000), digest_of(text)
        shadow = Shadow(principal.tenant, self._new_id("shd"), policy_id, digest, principal.consumer, now_ms)
        leaf = entry(shadow.shadow_id, shadow.tenant, "shadow.start", policy_id, digest, shadow.started_by, self._clock)
        steps = [policy_store.add_text(shadow.tenant, digest, text, now_ms), policy_store.add_shadow(shadow)]
        await self._store.amend(shadow.tenant, state.revision, steps, [leaf])
        await self._policies.look_again()
        return shadow_view(shadow)

    async def end(self, principal: Principal, shadow_id: str) -> ShadowReport:
        """End a run; its counts stay."""
        authorize.require(principal, authorize.POLICY_PUBLISH)
        state = await self._policies.of(principal.tenant)
        shadow = await self._find(principal, shadow_id)
        if shadow.ended_ms is None:
            await self._flush()
            shadow = msgspec.structs.replace(shadow, ended_ms=int(self._clock.now().timestamp() * 1000))
            event_id = self._new_id("pev")
            leaf = entry(event_id, shadow.tenant, "shadow.end", shadow_id, None, principal.consumer, self._clock)
            await self._store.amend(shadow.tenant, state.revision, [policy_store.end_shadow(shadow)], [leaf])
            await self._policies.look_again()
        return await self._report(shadow)

    async def overview(self, principal: Principal) -> ShadowsOut:
        """Runs, latest first."""
        authorize.require(principal, authorize.POLICY_READ)
        return ShadowsOut(tuple(map(shadow_view, await self._store.shadows(principal.tenant))))

    async def report(self, principal: Principal, shadow_id: str) -> ShadowReport:
        """What a run has counted so far.

        Raises:
            NotFound: there is no such run.
        """
        authorize.require(principal, authorize.POLICY_READ)
        return await self._report(await self._find(principal, shadow_id))

    async def _find(self, principal: Principal, shadow_id: str) -> Shadow:
        for one in await self._store.shadows(principal.tenant):
            if one.shadow_id == shadow_id:
                return one
        raise NotFound("there is no such shadow run")

    async def _report(self, shadow: Shadow) -> ShadowReport:
        payloads = await self._store.tallies(shadow.tenant, shadow.shadow_id)
        whole = total(msgspec.json.decode(payload, type=Tally) for payload in payloads)
        return ShadowReport(shadow_view(shadow), trial_view(shadow.policy_id, whole))

    async def _count_for_ever(self) -> None:
        while True:
            check, action = await self._queue.get()
            try:
                await self._count(check, action)
            except Exception as error:  # noqa: BLE001 - one odd check must not end the run
                _log.warning("a shadow could not look at a check: %(error)s", {"error": type(error).__name__})
            await asyncio.sleep(0)  # whoever waits for an answer goes first

    async def _count(self, check: Check, action: Action) -> None:
        for shadow, candidate in (await self._policies.of(check.tenant)).shadows:
            key = (shadow.tenant, shadow.shadow_id)
            tally = self._tallies.setdefault(key, Tally())
            tally.dropped += self._dropped.pop(check.tenant, 0)
            try:
                compared = beside(candidate, self._rulebook.table_of(candidate), check, action, check.evidence)
            except (ValueError, KeyError):
                tally.failed += 1
            else:
                if compared is None:
                    continue
                tally.count(compared)
            self._changed.add(key)

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            try:
                await self._flush()
            except BrokerError as error:
                _log.warning("cannot write down what shadows counted: %(code)s", {"code": error.code})

    async def _flush(self) -> None:
        now_ms = int(self._clock.now().timestamp() * 1000)
        for key in list(self._changed):
            tenant, shadow_id = key
            payload = msgspec.json.encode(self._tallies[key])
            self._changed.discard(key)
            try:
                await self._store.write_tally(tenant, shadow_id, self._node, payload, now_ms)
            except BrokerError:
                self._changed.add(key)
                raise
