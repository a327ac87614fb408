"""Events: who composes them, where they are sent, and the worker that sends them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from random import SystemRandom

from broker.bootstrap.background import running
from broker.clock import Clock
from broker.events.pace import RetryPace
from broker.events.sending import Attempt, open_sender, send
from broker.events.signing import WebhookKeys
from broker.privacy.pseudonyms import Pseudonyms
from broker.settings.sections import WebhookSettings
from broker.storage.store import Store
from broker.usecases.events.deliver_events import DeliverEvents, DeliveryLimits, DeliveryTools
from broker.usecases.events.manage_webhooks import ManageWebhooks, WebhookLimits, WebhookTools


@contextlib.asynccontextmanager
async def telling(
    store: Store, clock: Clock, new_id: Callable[[str], str], pseudonyms: Pseudonyms, settings: WebhookSettings
) -> AsyncIterator[ManageWebhooks]:
    """Have events told for as long as the block lasts; gives the administration of webhooks."""
    private = settings.private_addresses == "allowed"

    def keys_of(tenant: str, webhook_id: str, generation: int) -> WebhookKeys:
        secrets = [pseudonyms.webhook_key(tenant, webhook_id, generation, use) for use in ("hmac", "ed25519")]
        return WebhookKeys(*secrets)

    transport = open_sender(private=private, connections_max=settings.in_flight_max)

    async def send_once(url: str, signed: Mapping[str, str], body: bytes, timeout_s: float) -> Attempt:
        return await send(transport, url, signed, body, timeout_s)

    limits = WebhookLimits(settings.per_tenant_max, settings.rotation_overlap_s, private)
    pace = RetryPace(settings.attempts_max, settings.retry_first_s, settings.retry_factor, settings.retry_pause_max_s)
    deliveries = DeliveryLimits(settings.look_ms / 1000, settings.timeout_s, settings.in_flight_max)
    tools = DeliveryTools(store.events, clock, SystemRandom(), new_id, keys_of, send_once, pace, deliveries)
    worker = DeliverEvents(tools)
    try:
        async with running(worker.work()):
            yield ManageWebhooks(WebhookTools(store.events, clock, new_id, keys_of, limits))
    finally:
        await transport.aclose()
