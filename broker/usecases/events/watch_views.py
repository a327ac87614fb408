"""Watches as they are shown and told: ids, codes and what was decided; never the number."""

from datetime import datetime

import msgspec

from broker.domain.event import Event, EventKind
from broker.domain.watch import Watch, WatchCode, WatchState
from broker.events.compose import Composer
from broker.usecases.reviews.review_views import instant


class WatchOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A watch. ``decision`` and ``trustBand`` are those of the last look that could see as much as the one before.

    ``unsure`` since a look saw less; ``code`` says why the last one told nothing, or why there will be no more.
    """

    id: str
    status: WatchState
    action_type: str
    purpose: str
    every_s: int
    opened_at: datetime
    expires_at: datetime
    looks: int
    next_at: datetime | None = None
    looked_at: datetime | None = None
    check_id: str | None = None
    decision: str | None = None
    trust_band: str | None = None
    unsure: bool = False
    code: WatchCode | None = None
    closed_at: datetime | None = None


class WatchesOut(msgspec.Struct, frozen=True):
    """The watches of a consumer, newest first."""

    watches: tuple[WatchOut, ...]


def watch_out(watch: Watch) -> WatchOut:
    """A watch as it may be shown to who holds it."""
    return WatchOut(
        id=watch.watch_id,
        status=watch.state,
        action_type=watch.action_type,
        purpose=watch.purpose,
        every_s=watch.every_s,
        opened_at=instant(watch.opened_ms),
        expires_at=instant(watch.expires_ms),
        looks=watch.looks,
        next_at=_at(watch.due_ms),
        looked_at=_at(watch.looked_ms),
        check_id=watch.check_id,
        decision=watch.decision,
        trust_band=watch.band,
        unsure=bool(watch.unsure),
        code=watch.code,
        closed_at=_at(watch.closed_ms),
    )


def watch_event(compose: Composer, kind: EventKind, watch: Watch, at_ms: int, **more: str | None) -> Event:
    """Something happened to a watch; ``more`` is what the look found."""
    data: dict[str, str | int | tuple[str, ...] | None] = {
        "checkId": watch.check_id,
        "actionType": watch.action_type,
        "consumer": watch.consumer,
        "agent": watch.agent,
        "state": str(watch.state),
        "code": None if watch.code is None else str(watch.code),
        **more,
    }
    return compose(kind, watch.tenant, watch.watch_id, instant(at_ms), data, named="watchId")


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else instant(ms)
