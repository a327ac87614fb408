"""Watches: built from settings, and kept for as long as the broker runs."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from broker.bootstrap.background import repeating
from broker.bootstrap.beside import Beside
from broker.bootstrap.parts import Parts
from broker.clock import Clock
from broker.events.compose import Composer
from broker.settings.sections import WatchSettings
from broker.storage.store import Store
from broker.usecases.consumers.manage_keys import key_holds
from broker.usecases.events.keep_watches import KeepWatches
from broker.usecases.events.manage_watches import ManageWatches, WatchLimits, WatchTools
from broker.usecases.policy.policies_in_force import PoliciesInForce
from broker.usecases.ports import Answered, Asked


class WatchNeeds(NamedTuple):
    """What watching takes of the rest."""

    settings: WatchSettings
    parts: Parts
    store: Store
    policies: PoliciesInForce
    beside: Beside
    run_check: Callable[[Asked], Awaitable[Answered]]
    compose: Composer
    clock: Clock
    new_id: Callable[[str], str]


def watches(needs: WatchNeeds) -> ManageWatches:
    """The watches of this deployment."""
    store, clock, settings = needs.store, needs.clock, needs.settings

    async def holds(tenant: str, consumer: str) -> bool:
        """Whether a consumer can still call: with any key or client, for keys are rotated."""
        now_ms = int(clock.now().timestamp() * 1000)
        keys = await store.list_keys(tenant)
        if any(key.consumer == consumer and key_holds(key, now_ms) for key in keys):
            return True
        clients = await store.consumers.clients(tenant)
        return any(client.consumer == consumer and client.disabled_ms is None for client in clients)

    return ManageWatches(
        WatchTools(
            store=store.watches,
            vault=needs.beside.private.vault,
            pseudonyms=needs.parts.pseudonyms,
            policies=needs.policies,
            gate=needs.parts.gate,
            permit=needs.beside.private.permit,
            standings=needs.beside.consuming.standings,
            holds=holds,
            run_check=needs.run_check,
            compose=needs.compose,
            clock=clock,
            new_id=needs.new_id,
            limits=WatchLimits(**settings.model_dump(exclude={"look_s"})),
        )
    )


def watching(managed: ManageWatches, look_s: float) -> AbstractAsyncContextManager[None]:
    """Take up what is due, again and again."""
    return repeating("watches", KeepWatches(managed.tools), look_s)
