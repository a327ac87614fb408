"""Webhooks, and events on their way to them, durably."""

from typing import Any, cast

import msgspec

from broker.domain.event import Delivery, Event, Webhook
from broker.errors import NotFound
from broker.storage import event_statements as sql
from broker.storage.reader import Reader
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter


class Backlog(msgspec.Struct, frozen=True):
    """How many events wait for a webhook, and how many were given up."""

    waiting: int
    dead: int


class WaitingDelivery(msgspec.Struct, frozen=True):
    """An event that has not reached a webhook yet."""

    webhook_id: str
    kind: str
    attempts: int
    created_ms: int


def put(event: Event) -> Step:
    """Tell an event to everybody who wants to hear of it, in the transaction in which it happened."""
    return Step(sql.PUT_EVENT, msgspec.structs.asdict(event))


class EventStore:
    """A delivery is held by one node at a time, and events of one check reach one webhook one after the other."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def put(self, event: Event) -> None:
        """Tell an event that happened in no other transaction."""
        await self._one(put(event))

    async def add_webhook(self, webhook: Webhook) -> None:
        """Tell from now on."""
        await self._one(Step(sql.INSERT_WEBHOOK, _plain(webhook)))

    async def webhooks(self, tenant: str) -> list[Webhook]:
        """A tenant's webhooks, oldest first."""
        rows = await self._reader.rows(sql.SELECT_WEBHOOKS, tenant=tenant, rows=self._rows_max)
        return [_webhook(row) for row in rows]

    async def webhook(self, tenant: str, webhook_id: str) -> Webhook:
        """One of them.

        Raises:
            NotFound: the tenant has none of that id.
        """
        row = await self._reader.row(sql.SELECT_WEBHOOK, of_tenant=tenant, of_webhook=webhook_id)
        if row is None:
            raise NotFound("there is no such webhook")
        return _webhook(row)

    async def delete_webhook(self, tenant: str, webhook_id: str) -> bool:
        """Forget a webhook with all that waits for it; False where there is none."""
        return await self._one(Step(sql.DELETE_WEBHOOK, _whose(tenant, webhook_id))) == 1

    async def rotate(self, webhook: Webhook) -> bool:
        """Bring a webhook to its generation, one above what was read; False where another was quicker."""
        values = {"next": webhook.generation, "seen": webhook.generation - 1, "until_ms": webhook.previous_until_ms}
        return await self._one(Step(sql.ROTATE_WEBHOOK, values | _whose(webhook.tenant, webhook.webhook_id))) == 1

    async def disable(self, tenant: str, webhook_id: str, why: str, at_ms: int) -> None:
        """Send nothing more there, and give up what waits."""
        values = {"why": why, "at_ms": at_ms, **_whose(tenant, webhook_id)}
        await self._writer.submit(Amend((Step(sql.DISABLE_WEBHOOK, values), Step(sql.GIVE_UP_ALL, values))))

    async def revive(self, tenant: str, webhook_id: str, at_ms: int) -> None:
        """Send there again, and what was given up once more."""
        values = {"at_ms": at_ms, **_whose(tenant, webhook_id)}
        await self._writer.submit(Amend((Step(sql.ENABLE_WEBHOOK, values), Step(sql.REVIVE, values))))

    async def backlog(self, tenant: str, webhook_id: str) -> Backlog:
        """What waits for a webhook."""
        row = await self._reader.row(sql.COUNT_DELIVERIES, of_tenant=tenant, of_webhook=webhook_id)
        return Backlog(*_fields(row or (0, 0)))

    async def waiting_of(self, tenant: str, check_id: str) -> list[WaitingDelivery]:
        """Events of a check that have not arrived yet, earliest first; what has arrived is not kept."""
        rows = await self._reader.rows(sql.SELECT_WAITING, tenant=tenant, check_id=check_id, rows=self._rows_max)
        return [WaitingDelivery(*_fields(row)) for row in rows]

    async def ready(self, now_ms: int) -> list[Webhook]:
        """Webhooks of all tenants for which something is due that no node holds."""
        rows = await self._reader.rows(sql.SELECT_READY_WEBHOOKS, now_ms=now_ms, rows=self._rows_max)
        return [_webhook(row) for row in rows]

    async def claim(self, webhook: Webhook, holder: str, now_ms: int, until_ms: int, limit: int) -> list[Delivery]:
        """Take deliveries of a webhook until an instant, under a name never used before; exactly one node gets each.

        Of each check only the earliest is given.
        """
        values: dict[str, Value] = {"by": holder, "now_ms": now_ms, "until_ms": until_ms, "rows": limit}
        if await self._one(Step(sql.CLAIM_DELIVERIES, values | _whose(webhook.tenant, webhook.webhook_id))) == 0:
            return []
        rows = await self._reader.rows(sql.SELECT_CLAIMED, by=holder)
        return [Delivery(*_fields(row)) for row in rows]

    async def delivered(self, delivery: Delivery, holder: str) -> None:
        """It has arrived; where somebody else holds it by now, it stays and arrives twice."""
        await self._one(Step(sql.DELIVERED, {"of_seq": delivery.seq, "by": holder}))

    async def not_delivered(self, delivery: Delivery, holder: str, why: str, now_ms: int, again_ms: int | None) -> None:
        """It has not; try again at an instant, or never."""
        dead_ms = now_ms if again_ms is None else None
        values: dict[str, Value] = {
            "of_seq": delivery.seq,
            "by": holder,
            "why": why,
            "again_ms": again_ms,
            "at_ms": dead_ms,
        }
        await self._one(Step(sql.NOT_DELIVERED, values))

    async def purge_dead(self, before_ms: int, limit: int) -> int:
        """Delete what was given up before an instant, ``limit`` at most; how many went."""
        return await self._one(Step(sql.DELETE_OLD_DEAD, {"before_ms": before_ms, "rows": min(limit, self._rows_max)}))

    async def _one(self, step: Step) -> int:
        return cast("int", await self._writer.submit(Amend((step,))))


def _whose(tenant: str, webhook_id: str) -> dict[str, Value]:
    return {"of_tenant": tenant, "of_webhook": webhook_id}


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)


def _plain(webhook: Webhook) -> dict[str, Value]:
    return msgspec.structs.asdict(webhook) | {"kinds": " ".join(webhook.kinds)}


def _webhook(row: Row) -> Webhook:
    members: dict[str, Any] = dict(zip(Webhook.__struct_fields__, _fields(row), strict=True))
    members["kinds"] = tuple(members["kinds"].split())
    return Webhook(**members)
