"""Say where events are to be sent: add, list, rotate, revive, delete webhooks of one's own tenant."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.event import EventKind, Webhook
from broker.errors import Conflict, Fault, InvalidRequest, NotFound
from broker.events import addresses
from broker.events.signing import WebhookKeys
from broker.storage.event_store import EventStore
from broker.usecases.reviews.review_views import instant


class WebhookOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A webhook: how many events ``wait`` for it, and how many were given up (``dead``) after the last attempt.

    ``publicKey`` (``whpk_…``, Ed25519) verifies signatures ``v1a``. ``disabledWhy`` is a code.
    """

    id: str
    url: str
    events: tuple[EventKind, ...]
    public_key: str
    created_at: datetime
    waiting: int = 0
    dead: int = 0
    disabled_at: datetime | None = None
    disabled_why: str | None = None


class WebhookSecretOut(WebhookOut, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A webhook with its shared secret (``whsec_…``, for signatures ``v1``), which is shown this once."""

    secret: str
    previous_valid_until: datetime | None = None


class WebhooksOut(msgspec.Struct, frozen=True):
    """A tenant's webhooks, oldest first."""

    webhooks: tuple[WebhookOut, ...]


class WebhookLimits(msgspec.Struct, frozen=True):
    """``private`` lets events go to this machine and into private networks: for tests and demos."""

    per_tenant_max: int
    overlap_s: int
    private: bool


class WebhookTools(msgspec.Struct, frozen=True):
    """What managing works with, built once by ``bootstrap``."""

    store: EventStore
    clock: Clock
    new_id: Callable[[str], str]
    keys_of: Callable[[str, str, int], WebhookKeys]
    limits: WebhookLimits


class ManageWebhooks:
    """Needs ``events:manage``: whoever holds it decides who hears of every check of the tenant."""

    def __init__(self, tools: WebhookTools) -> None:
        self._tools = tools

    async def add(self, principal: Principal, url: str, kinds: tuple[EventKind, ...]) -> WebhookSecretOut:
        """Send events there from now on; no ``kinds`` means all.

        Raises:
            InvalidRequest: the URL is none to send events to.
            Conflict: the tenant has as many as it may have.
        """
        authorize.require(principal, authorize.EVENTS)
        addresses.require_sendable(url, private=self._tools.limits.private)
        if len(set(kinds)) != len(kinds):
            raise InvalidRequest("the events cannot be taken", [Fault("/events", "name each of them once")])
        most = self._tools.limits.per_tenant_max
        if len(await self._tools.store.webhooks(principal.tenant)) >= most:
            raise Conflict(f"there are {most} webhooks: delete one first")
        webhook = Webhook(
            tenant=principal.tenant,
            webhook_id=self._tools.new_id("whk"),
            url=url,
            kinds=tuple(str(kind) for kind in kinds),
            generation=1,
            previous_until_ms=0,
            created_by=principal.consumer,
            created_ms=self._now_ms(),
        )
        await self._tools.store.add_webhook(webhook)
        return self._with_secret(webhook)

    async def overview(self, principal: Principal) -> WebhooksOut:
        """All of them, without secrets."""
        authorize.require(principal, authorize.EVENTS)
        return WebhooksOut(
            tuple([await self._shown(one) for one in await self._tools.store.webhooks(principal.tenant)])
        )

    async def show(self, principal: Principal, webhook_id: str) -> WebhookOut:
        """One of them.

        Raises:
            NotFound: the tenant has none of that id.
        """
        authorize.require(principal, authorize.EVENTS)
        return await self._shown(await self._tools.store.webhook(principal.tenant, webhook_id))

    async def rotate(self, principal: Principal, webhook_id: str) -> WebhookSecretOut:
        """A new secret and key; for a while every message carries the signatures of both.

        Raises:
            NotFound: the tenant has none of that id.
            Conflict: the one before is still in use, or somebody else rotates.
        """
        authorize.require(principal, authorize.EVENTS)
        webhook = await self._tools.store.webhook(principal.tenant, webhook_id)
        now_ms = self._now_ms()
        if now_ms < webhook.previous_until_ms:
            raise Conflict(f"the last change-over lasts until {instant(webhook.previous_until_ms).isoformat()}")
        turned = msgspec.structs.replace(
            webhook,
            generation=webhook.generation + 1,
            previous_until_ms=now_ms + self._tools.limits.overlap_s * 1000,
        )
        if not await self._tools.store.rotate(turned):
            raise Conflict("somebody else rotates this webhook at the same time: look at it again")
        return self._with_secret(turned)

    async def revive(self, principal: Principal, webhook_id: str) -> WebhookOut:
        """Enable a webhook that was disabled, and send once more what was given up.

        Raises:
            NotFound: the tenant has none of that id.
        """
        authorize.require(principal, authorize.EVENTS)
        await self._tools.store.webhook(principal.tenant, webhook_id)
        await self._tools.store.revive(principal.tenant, webhook_id, self._now_ms())
        return await self.show(principal, webhook_id)

    async def delete(self, principal: Principal, webhook_id: str) -> WebhookOut:
        """Send nothing there any more; what waits is forgotten. The webhook as it was.

        Raises:
            NotFound: the tenant has none of that id.
        """
        authorize.require(principal, authorize.EVENTS)
        last = await self.show(principal, webhook_id)
        if not await self._tools.store.delete_webhook(principal.tenant, webhook_id):
            raise NotFound("there is no such webhook")
        return last

    async def _shown(self, webhook: Webhook) -> WebhookOut:
        backlog = await self._tools.store.backlog(webhook.tenant, webhook.webhook_id)
        disabled = None if webhook.disabled_ms is None else instant(webhook.disabled_ms)
        why = webhook.disabled_why
        return WebhookOut(*self._common(webhook), backlog.waiting, backlog.dead, disabled, why)

    def _with_secret(self, webhook: Webhook) -> WebhookSecretOut:
        until = instant(webhook.previous_until_ms) if webhook.previous_until_ms else None
        secret = self._keys(webhook).shared
        return WebhookSecretOut(*self._common(webhook), secret=secret, previous_valid_until=until)

    def _common(self, webhook: Webhook) -> tuple[str, str, tuple[EventKind, ...], str, datetime]:
        kinds = tuple(EventKind(kind) for kind in webhook.kinds)
        return (webhook.webhook_id, webhook.url, kinds, self._keys(webhook).public, instant(webhook.created_ms))

    def _keys(self, webhook: Webhook) -> WebhookKeys:
        return self._tools.keys_of(webhook.tenant, webhook.webhook_id, webhook.generation)

    def _now_ms(self) -> int:
        return int(self._tools.clock.now().timestamp() * 1000)
