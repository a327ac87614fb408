"""The equipment identity register: what is known about handsets by their IMEI, whoever uses them."""

from datetime import datetime
from typing import Literal

import msgspec

ENTRIES_MAX = 10_000
EquipmentStanding = Literal[
    "allowed",
    "lost",
    "stolen",
    "blacklisted",
    "blocked",
    "fraud",
    "non-payment",
    "regulatory",
    "unknown",
    "inapplicable",
    "unheard-of",
]
"""How a handset stands. ``inapplicable`` ones are not judged, ``unheard-of`` ones are in no database at all."""
PROHIBITED = frozenset({"lost", "stolen", "blacklisted", "blocked", "fraud", "non-payment", "regulatory"})


class Listed(msgspec.Struct, frozen=True):
    """How a handset stands, and since when."""

    standing: EquipmentStanding
    since: datetime


class EquipmentRegister:
    """What was put down about handsets. One that nobody put down is known to exist, and unknown in every list."""

    def __init__(self) -> None:
        self._listed: dict[str, Listed] = {}

    def put(self, imei: str, listed: Listed) -> None:
        """Put it down, in place of what was there.

        Raises:
            ValueError: the register is full.
        """
        if imei not in self._listed and len(self._listed) >= ENTRIES_MAX:
            raise ValueError("the register is full")
        self._listed[imei] = listed

    def find(self, imei: str) -> Listed | None:
        """What was put down."""
        return self._listed.get(imei)

    def clear(self) -> None:
        """Forget everything."""
        self._listed.clear()
