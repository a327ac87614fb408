"""Consents that subscribers were asked for, each behind a link that only whoever got it can open."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

CAPTURES_MAX = 10_000
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

    def clear(self) -> None:
        """Forget every question."""
        self._open.clear()

    def begin(self, phone_number: str, apis: Sequence[str], callback_url: str | None) -> str:
        """Ask, and get the last part of the link."""
        ticket = secrets.token_urlsafe(24)
        self._open[ticket] = Capture(phone_number, tuple(apis), callback_url)
        if len(self._open) > CAPTURES_MAX:
            self._open.popitem(last=False)
        return ticket

    def take(self, ticket: str) -> Capture | None:
        """The question behind a link, which is then answered."""
        return self._open.pop(ticket, None)
