"""What a subscriber permits: for each API, since when, until when, and if not, why not."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from adapters.mock.operator.network.events import Consent, ConsentReason

InvalidReason = ConsentReason | Literal["EXPIRED"]


class ConsentStatus(msgspec.Struct, frozen=True):
    """Whether processing is permitted now. ``expires_at`` is ahead while it is, and past where it has EXPIRED."""

    valid: bool
    reason: InvalidReason | None = None
    expires_at: datetime | None = None


class Consents:
    """One word for every API, with exceptions for single ones; the later word counts. Nobody asked means permitted."""

    def __init__(self) -> None:
        self._all: tuple[datetime | None, Consent] = (None, Consent(granted=True))
        self._single: dict[str, tuple[datetime | None, Consent]] = {}

    def set(self, at: datetime, consent: Consent) -> None:
        """The subscriber decides about one API, or about all of them (which forgets the exceptions)."""
        if consent.api is None:
            self._all = (at, consent)
            self._single.clear()
        else:
            self._single[consent.api] = (at, consent)

    def status(self, api: str, now: datetime) -> ConsentStatus:
        """What holds at ``now``."""
        since, consent = self._single.get(api, self._all)
        if not consent.granted:
            return ConsentStatus(valid=False, reason=consent.reason)
        if consent.valid_s is None or since is None:
            return ConsentStatus(valid=True)
        expires_at = since + timedelta(seconds=consent.valid_s)
        if expires_at > now:
            return ConsentStatus(valid=True, expires_at=expires_at)
        return ConsentStatus(valid=False, reason="EXPIRED", expires_at=expires_at)
