"""A past check with the last word on it, as those who learn see it."""

from datetime import datetime, timedelta

import msgspec

from broker.domain.outcome import TurnedOut
from broker.domain.record import Check

MATURITY = timedelta(days=90)
"""After that long without a word a check counts as genuine: most fraud is reported within it (scoring reference)."""


class Lesson(msgspec.Struct, frozen=True):
    """One settled check with its evidence; ``outcome`` is the last word, ``found_at`` when it was found out."""

    check: Check
    outcome: TurnedOut | None = None
    found_at: datetime | None = None

    def label(self, now: datetime) -> TurnedOut:
        """What is believed now: what was said, else genuine once the check is ripe, else unknown."""
        if self.outcome is not None:
            return self.outcome
        ripe = now - self.check.settled_at >= MATURITY
        return TurnedOut.GENUINE if ripe else TurnedOut.UNKNOWN

    @property
    def delay(self) -> timedelta | None:
        """From the decision to the finding, where something was said."""
        return None if self.found_at is None else max(self.found_at - self.check.settled_at, timedelta())
