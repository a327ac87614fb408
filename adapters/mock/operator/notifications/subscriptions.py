"""Who wants to be told what, until when, and how often."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from adapters.mock.operator.notifications.kinds import KINDS, Area, Kind

PER_CLIENT_MAX = 1000


class Credential(msgspec.Struct, frozen=True):
    """What opens the sink, and until when."""

    access_token: str
    expires_at: datetime

    def __repr__(self) -> str:  # the token stays out of logs
        return f"Credential(…, {self.expires_at})"


class Subscription(msgspec.Struct, kw_only=True):
    """One subscription. ``named`` is how it names its subject: empty where a three-legged token stood for it.

    ``reported`` is how the events that were subscribed to name it, which one release wants in any case.

    ``config`` is told back as it was given; ``seen_until`` is how far the subject's history has been looked at.
    """

    id: str
    api: str
    source: str
    kind: str
    client_id: str
    phone_number: str
    named: dict[str, Any]
    reported: dict[str, Any]
    sink: str
    config: dict[str, Any]
    starts_at: datetime
    seen_until: datetime
    lifecycle: frozenset[str]
    expires_at: datetime | None = None
    events_left: int | None = None
    credential: Credential | None = None
    area: Area | None = None

    def __repr__(self) -> str:  # number and sink stay out of logs
        return f"Subscription({self.api}, {self.id})"

    @property
    def event(self) -> Kind:
        """What sets it off."""
        return KINDS[self.api][self.kind]

    def type_of(self, name: str) -> str:
        """The full name of an event's type. Its version is its own, and not the API's."""
        return f"org.camaraproject.{self.api}.v0.{name}"

    @property
    def ends(self) -> tuple[datetime, str] | None:
        """When it ends by itself, and why."""
        ends = []
        if self.expires_at is not None:
            ends.append((self.expires_at, "SUBSCRIPTION_EXPIRED"))
        if self.credential is not None:
            ends.append((self.credential.expires_at, "ACCESS_TOKEN_EXPIRED"))
        return min(ends, default=None)


class Subscriptions:
    """Every subscription that has not ended, by its id."""

    def __init__(self) -> None:
        self._kept: dict[str, Subscription] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._kept.values()))

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, subscription: Subscription) -> None:
        """Keep it.

        Raises:
            ValueError: this client has :data:`PER_CLIENT_MAX` already.
        """
        if sum(kept.client_id == subscription.client_id for kept in self) >= PER_CLIENT_MAX:
            raise ValueError("too many subscriptions")
        self._kept[subscription.id] = subscription

    def of(self, api: str, client_id: str, phone_number: str | None) -> list[Subscription]:
        """A client's own, oldest first: of one subscriber where the token names it, else those that bodies named."""
        return [
            kept
            for kept in self
            if (kept.api, kept.client_id) == (api, client_id)
            and (bool(kept.named) if phone_number is None else not kept.named and kept.phone_number == phone_number)
        ]

    def drop(self, subscription: Subscription) -> bool:
        """Forget it; whether it was there."""
        return self._kept.pop(subscription.id, None) is not None

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
