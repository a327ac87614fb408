"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class HandClock:
    """Wall and monotonic time, both moved by :meth:`advance`."""

    def __init__(self, at: datetime = NOON) -> None:
        self._at = at
        self._monotonic_s = 1000.0

    def now(self) -> datetime:
        return self._at

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
        self._monotonic_s += seconds
