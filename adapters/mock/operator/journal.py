"""What was asked: a bounded history, so that a test can count the calls an operator got. Never numbers or tokens."""

from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

JOURNAL_MAX = 10_000


class JournalEntry(msgspec.Struct, rename="camel"):
    """One request. ``status`` is absent while it is under way, then what was answered, caller still there or not.

    ``at`` is the authorization server's time, ``client`` and ``purpose`` are known once the credential was accepted,
    ``code`` is the refusal's, and ``fault`` names what was done to the answer.
    """

    number: int
    at: datetime
    method: str
    path: str
    correlator: str | None = None
    client: str | None = None
    purpose: str | None = None
    code: str | None = None
    fault: str | None = None
    status: int | None = None


class Journal:
    """The last :data:`JOURNAL_MAX` requests, oldest first, and how many there were in all."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._entries: deque[JournalEntry] = deque(maxlen=JOURNAL_MAX)
        self._total = 0

    def begin(self, method: str, path: str, correlator: str | None) -> JournalEntry:
        """Note a request when it arrives."""
        self._total += 1
        entry = JournalEntry(self._total, self._now(), method, path[:200], correlator)
        self._entries.append(entry)
        return entry

    def entries(self, *, path: str | None = None, correlator: str | None = None) -> list[JournalEntry]:
        """The requests kept, oldest first; only those with this exact path or correlator where given."""
        return [
            entry
            for entry in self._entries
            if (path is None or entry.path == path) and (correlator is None or entry.correlator == correlator)
        ]

    @property
    def total(self) -> int:
        """Requests since the last clearing, those no longer kept included."""
        return self._total

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._total = 0
