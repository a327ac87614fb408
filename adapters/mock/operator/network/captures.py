"""Consents that subscribers were asked for, each behind a link that only whoever got it can open."""

import secrets
from collections import OrderedDict, deque
from datetime import datetime, timedelta

import msgspec

CAPTURES_MAX = 10_000
PER_HOUR_MAX = 5
"""How often a subscriber is asked within an hour."""
CAPTURE_PATH = "/consent"


class Capture(msgspec.Struct, frozen=True):
    """Who shall permit which APIs, and where the browser goes afterwards."""

    phone_number: str
    apis: tuple[str, ...]
    callback_url: str | None

    def __repr__(self) -> str:  # the number stays out of logs
        return f"Capture({self.apis})"


class Captures:
    """The open questions, bounded; each is answered once."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Capture] = OrderedDict()
        self._asked: OrderedDict[str, deque[datetime]] = OrderedDict()

    def clear(self) -> None:
        """Forget every question."""
        self._open.clear()
        self._asked.clear()

    def may_begin(self, phone_number: str, now: datetime) -> bool:
        """Whether a subscriber may be asked once more: :data:`PER_HOUR_MAX` times within an hour."""
        horizon = now - timedelta(hours=1)
        return sum(at > horizon for at in self._asked.get(phone_number, ())) < PER_HOUR_MAX

    def begin(self, capture: Capture, now: datetime) -> str:
        """Ask, and get the last part of the link."""
        ticket = secrets.token_urlsafe(24)
        self._open[ticket] = capture
        self._asked.setdefault(capture.phone_number, deque(maxlen=PER_HOUR_MAX)).append(now)
        if len(self._open) > CAPTURES_MAX:
            self._open.popitem(last=False)
        if len(self._asked) > CAPTURES_MAX:
            self._asked.popitem(last=False)
        return ticket

    def take(self, ticket: str) -> Capture | None:
        """The question behind a link, which is then answered."""
        return self._open.pop(ticket, None)
