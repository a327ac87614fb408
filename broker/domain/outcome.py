"""What a check turned out to be, long after it was decided. Labels: they arrive late, and most never do."""

from datetime import datetime
from enum import StrEnum

import msgspec


class TurnedOut(StrEnum):
    """What it was. ``unknown`` withdraws an earlier report; it is not the same as genuine."""

    FRAUD = "fraud"
    GENUINE = "genuine"
    UNKNOWN = "unknown"


class OutcomeReport(msgspec.Struct, frozen=True):
    """Somebody's word about a check; ``found_at`` is when it was found out, ``reported_at`` when we were told."""

    tenant: str
    check_id: str
    outcome: TurnedOut
    found_at: datetime
    reported_at: datetime
    consumer: str
    key_id: str
