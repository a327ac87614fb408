"""What a person was asked on the phone, and what became of it. The memory behind CIBA; no rule lives here."""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from adapters.mock.operator.authorization.tickets import Ticket

AUTHENTICATIONS_MAX = 10_000
SLOW_DOWN_S = 5


class Standing(StrEnum):
    """How a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    COLLECTED = "collected"
    """Its token was given out; it is of no more use."""
    DEAD = "dead"
    """Spoiled by a request that the client must not send again."""


class Authentication(msgspec.Struct):
    """One request. ``prompted`` says whether the person saw anything: with consent on file, there is no need."""

    number: int
    client_id: str
    ticket: Ticket
    asked_at: datetime
    expires_at: datetime
    interval_s: int
    prompted: bool
    standing: Standing
    polled_at: datetime | None = None

    def too_soon(self, now: datetime) -> bool:
        """Whether the client polls more often than it was told; if so, it is told to slow down, and must."""
        early = self.polled_at is not None and now - self.polled_at < timedelta(seconds=self.interval_s)
        self.polled_at = now
        if early:
            self.interval_s += SLOW_DOWN_S
        return early

    @property
    def phone_number(self) -> str:
        """Whom it is about."""
        return "" if self.ticket.subject is None else self.ticket.subject.phone_number


class Authentications:
    """The requests, by their ids; the oldest are forgotten."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, Authentication] = OrderedDict()
        self._count = 0

    def begin(self, request: Authentication) -> str:
        """Keep a request and give it an id of 256 random bits."""
        value = secrets.token_urlsafe(32)
        self._count += 1
        request.number = self._count
        self._asked[value] = request
        if len(self._asked) > AUTHENTICATIONS_MAX:
            self._asked.popitem(last=False)
        return value

    def find(self, auth_req_id: str) -> Authentication | None:
        """The request of this id."""
        return self._asked.get(auth_req_id)

    def prompts(self, phone_number: str) -> list[Authentication]:
        """What the person saw, oldest first."""
        return [one for one in self._asked.values() if one.prompted and one.phone_number == phone_number]

    def clear(self) -> None:
        """Forget every request."""
        self._asked.clear()
