"""Earlier answers, kept for reuse where the policy allows their age.

Only observations are kept, never failures. The key holds everything that the answer depends on, the tenant and the
purpose included: what was obtained for one tenant or purpose must never answer another.
"""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

import msgspec

from broker.adapter_kit.adapter import Capability, seconds_between
from broker.domain.check import Circle
from broker.domain.signal import Observed, SignalName

# A number-verification answer belongs to one operator token and one session, so it is asked anew each time.
# Others answer about a day, claims or a place that the key does not hold: what agreed with one name must never be the
# answer for another.
_NEVER_KEPT = frozenset(
    {
        SignalName.NUMBER_VERIFICATION,
        SignalName.NUMBER_RECYCLING,
        SignalName.KYC_TENURE,
        SignalName.KYC_MATCH,
        SignalName.KYC_AGE,
        SignalName.FREQUENT_LOCATION,
    }
)


class FreshnessKey(NamedTuple):
    """What an answer depends on. ``subject`` is the tenant's pseudonym, so the key tells nothing about the person."""

    tenant: str
    subject: bytes
    purpose: str
    operator: str
    capability: Capability
    location: Circle | None


class Freshness:
    """A bounded memory of observations; the least recently used go first."""

    def __init__(self, *, entries_max: int) -> None:
        self._entries_max = entries_max
        self._entries: OrderedDict[FreshnessKey, Observed] = OrderedDict()

    def get(self, key: FreshnessKey, *, max_age_s: float, now: datetime) -> Observed | None:
        """An earlier answer no older than ``max_age_s`` seconds, marked as cached, or ``None``."""
        kept = self._entries.get(key) if max_age_s > 0 else None
        if kept is None or seconds_between(kept.observed_at, now) > max_age_s:
            return None
        self._entries.move_to_end(key)
        return msgspec.structs.replace(kept, source=msgspec.structs.replace(kept.source, cached=True), latency_ms=0.0)

    def put(self, key: FreshnessKey, observed: Observed) -> None:
        """Keep an answer, replacing an earlier one."""
        if observed.name in _NEVER_KEPT:
            return
        self._entries[key] = observed
        self._entries.move_to_end(key)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)
