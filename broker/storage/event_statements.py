"""Queries and writes of webhooks and of the outbox; text for drivers as in :mod:`statements`."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import bindparam, cast, delete, exists, func, literal_column, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.statements import literal
from broker.storage.tables import outbox, webhooks

EVENT_COLUMNS = tuple(outbox.c[name] for name in ("tenant", "event_id", "check_id", "kind", "body", "created_ms"))
"""What an event brings along, in the order of :class:`broker.domain.event.Event`, whose fields bear these names."""

_PUT = ("tenant", "webhook_id", "event_id", "check_id", "kind", "body", "created_ms")


def put_event(new: Any) -> Any:
    """Put an event, whose members are the columns of ``new``, into the outbox once for each webhook that wants it.

    The database itself looks whether anybody does, in the transaction in which the event happened: so none is lost to a
    webhook that was made a moment ago, and nothing is kept where nobody listens.
    """
    zero: Any = literal_column("0")
    wanted = or_(
        webhooks.c.kinds == literal(""),
        (literal(" ") + webhooks.c.kinds + literal(" ")).like(literal("% ") + new.kind + literal(" %")),
    )
    rows = select(
        webhooks.c.tenant,
        webhooks.c.webhook_id,
        new.event_id,
        new.check_id,
        new.kind,
        new.body,
        new.created_ms,
        zero,
        new.created_ms,
        zero,
    ).where(webhooks.c.tenant == new.tenant, webhooks.c.disabled_ms.is_(None), wanted)
    return insert(outbox).from_select([*_PUT, "attempts", "due_ms", "lease_until_ms"], rows)


# A parameter in a list of columns has no type of its own.
PUT_EVENT = put_event(SimpleNamespace(**{each.name: cast(bindparam(each.name), each.type) for each in EVENT_COLUMNS}))

INSERT_WEBHOOK = insert(webhooks).on_conflict_do_nothing()

SELECT_WEBHOOKS = (
    select(webhooks)
    .where(webhooks.c.tenant == bindparam("tenant"))
    .order_by(webhooks.c.created_ms, webhooks.c.webhook_id)
    .limit(bindparam("rows"))
)

_ONE = (webhooks.c.tenant == bindparam("of_tenant"), webhooks.c.webhook_id == bindparam("of_webhook"))

SELECT_WEBHOOK = select(webhooks).where(*_ONE)

DELETE_WEBHOOK = delete(webhooks).where(*_ONE)
"""What waits for it goes with it."""

ROTATE_WEBHOOK = (
    update(webhooks)
    .values(generation=bindparam("next"), previous_until_ms=bindparam("until_ms"))
    .where(*_ONE, webhooks.c.generation == bindparam("seen"))
)

DISABLE_WEBHOOK = (
    update(webhooks)
    .values(disabled_ms=bindparam("at_ms"), disabled_why=bindparam("why"))
    .where(*_ONE, webhooks.c.disabled_ms.is_(None))
)

ENABLE_WEBHOOK = update(webhooks).values(disabled_ms=null(), disabled_why=null()).where(*_ONE)

_TO = (outbox.c.tenant == bindparam("of_tenant"), outbox.c.webhook_id == bindparam("of_webhook"))

GIVE_UP_ALL = (
    update(outbox)
    .values(due_ms=null(), holder=null(), dead_ms=bindparam("at_ms"), last_fault=bindparam("why"))
    .where(*_TO, outbox.c.due_ms.is_not(None))
)

REVIVE = (
    update(outbox)
    .values(due_ms=bindparam("at_ms"), dead_ms=null(), attempts=literal_column("0"), lease_until_ms=literal_column("0"))
    .where(*_TO, outbox.c.dead_ms.is_not(None))
)

COUNT_DELIVERIES = select(func.count(outbox.c.due_ms), func.count(outbox.c.dead_ms)).where(*_TO)
"""How many wait, and how many were given up."""

_READY = (
    outbox.c.tenant == webhooks.c.tenant,
    outbox.c.webhook_id == webhooks.c.webhook_id,
    outbox.c.due_ms <= bindparam("now_ms"),
    outbox.c.lease_until_ms <= bindparam("now_ms"),
)
SELECT_READY_WEBHOOKS = (
    select(webhooks)
    .where(webhooks.c.disabled_ms.is_(None), exists(select(outbox.c.seq).where(*_READY).correlate(webhooks)))
    .order_by(webhooks.c.tenant, webhooks.c.webhook_id)
    .limit(bindparam("rows"))
)
"""Webhooks of all tenants for which something is due that nobody holds."""

_due = outbox.alias("due")
_earlier = outbox.alias("earlier")
_FIRST = ~exists(
    select(_earlier.c.seq)
    .where(
        _earlier.c.tenant == _due.c.tenant,
        _earlier.c.webhook_id == _due.c.webhook_id,
        _earlier.c.check_id == _due.c.check_id,
        _earlier.c.seq < _due.c.seq,
        _earlier.c.dead_ms.is_(None),
    )
    .correlate(_due)
)
_CHOSEN = (
    select(_due.c.seq)
    .where(
        _due.c.tenant == bindparam("of_tenant"),
        _due.c.webhook_id == bindparam("of_webhook"),
        _due.c.due_ms <= bindparam("now_ms"),
        _due.c.lease_until_ms <= bindparam("now_ms"),
        _FIRST,
    )
    .order_by(_due.c.due_ms, _due.c.seq)
    .limit(bindparam("rows"))
)
# The lease is looked at once more outside: where another node was quicker, its row is read again and does not match.
CLAIM_DELIVERIES = (
    update(outbox)
    .values(holder=bindparam("by"), lease_until_ms=bindparam("until_ms"))
    .where(
        outbox.c.seq.in_(_CHOSEN),
        outbox.c.due_ms <= bindparam("now_ms"),
        outbox.c.lease_until_ms <= bindparam("now_ms"),
    )
)
"""Take some deliveries of one webhook: of each check the earliest alone, so that its events arrive in order."""

SELECT_CLAIMED = (
    select(
        outbox.c.seq,
        outbox.c.tenant,
        outbox.c.webhook_id,
        outbox.c.event_id,
        outbox.c.check_id,
        outbox.c.kind,
        outbox.c.body,
        outbox.c.attempts,
    )
    .where(outbox.c.holder == bindparam("by"))
    .order_by(outbox.c.seq)
)
"""In the order of :class:`broker.domain.event.Delivery`."""

_HELD = (outbox.c.seq == bindparam("of_seq"), outbox.c.holder == bindparam("by"))

DELIVERED = delete(outbox).where(*_HELD)

NOT_DELIVERED = (
    update(outbox)
    .values(
        attempts=outbox.c.attempts + literal_column("1"),
        due_ms=bindparam("again_ms"),
        dead_ms=bindparam("at_ms"),
        holder=null(),
        lease_until_ms=literal_column("0"),
        last_fault=bindparam("why"),
    )
    .where(*_HELD)
)

DELETE_OLD_DEAD = delete(outbox).where(
    outbox.c.seq.in_(select(outbox.c.seq).where(outbox.c.dead_ms <= bindparam("before_ms")).limit(bindparam("rows")))
)

SELECT_WAITING = (
    select(outbox.c.webhook_id, outbox.c.kind, outbox.c.attempts, outbox.c.created_ms)
    .where(outbox.c.tenant == bindparam("tenant"), outbox.c.check_id == bindparam("check_id"))
    .order_by(outbox.c.seq)
    .limit(bindparam("rows"))
)
"""What of a check is under way still, in the order of :class:`broker.storage.event_store.WaitingDelivery`."""
