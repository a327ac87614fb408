"""Events as CloudEvents 1.0 in structured mode: ids, codes and the decision; never a number, a score or a receipt."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from broker.domain.event import Event, EventKind
from broker.domain.tenancy import is_sandbox

CONTENT_TYPE = "application/cloudevents+json"
_TYPE_PREFIX = "trust-broker."
_TYPE_SUFFIX = ".v1"


class CloudEvent(msgspec.Struct, frozen=True):
    """The envelope. ``id`` stays the same whenever it is sent again: whoever has seen it may leave it."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: Mapping[str, str | int | tuple[str, ...] | None]


class Composer:
    """Makes events of one broker, which ``source`` names."""

    def __init__(self, source: str, new_id: Callable[[str], str]) -> None:
        self._source = source
        self._new_id = new_id

    def __call__(
        self,
        kind: EventKind,
        tenant: str,
        check_id: str,
        at: datetime,
        data: Mapping[str, str | int | tuple[str, ...] | None],
        *,
        named: str = "checkId",
    ) -> Event:
        """One event; members of ``data`` without a value are left out. ``named`` is what ``check_id`` is told as."""
        event_id = self._new_id("evt")
        data = {**data, "sandbox": is_sandbox(tenant) or None}
        told = {named: check_id, **{name: value for name, value in data.items() if value is not None}}
        envelope = CloudEvent(
            specversion="1.0",
            id=event_id,
            source=self._source,
            type=f"{_TYPE_PREFIX}{kind}{_TYPE_SUFFIX}",
            subject=check_id,
            time=at,
            datacontenttype="application/json",
            data=told,
        )
        return Event(tenant, event_id, check_id, str(kind), msgspec.json.encode(envelope), int(at.timestamp() * 1000))
