"""Earlier answers, kept for reuse where the policy allows their age.

Only observations are kept, never failures, and adverse ones longer than clean ones: what was clean an hour ago may have
been taken over since, while a SIM that changed this morning is not the old one again this afternoon.

The key holds everything that the answer depends on, the tenant and the purpose included: what was obtained for one
tenant or purpose must never answer another.
"""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

import msgspec

from broker.adapter_kit.adapter import Capability, seconds_between
from broker.domain.check import Circle
from broker.domain.signal import AgeRange, Flag, Observed, SignalName

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

_SWAPS = frozenset({SignalName.SIM_SWAP, SignalName.DEVICE_SWAP})
_RECENT_S = 30 * 86_400.0
_AHEAD_S = 60.0
"""How far the clocks of an operator and ours may be apart."""


class FreshnessKey(NamedTuple):
    """What an answer depends on. ``subject`` is the tenant's pseudonym, so the key tells nothing about the person."""

    tenant: str
    subject: bytes
    purpose: str
    operator: str
    capability: Capability
    location: Circle | None


def is_adverse(observed: Observed) -> bool:
    """Whether an answer speaks against the line in a way that lasts: a recent change, or calls that go elsewhere."""
    match observed.value:
        case AgeRange(at_least_s=least, at_most_s=most):
            return observed.name in _SWAPS and most is not None and least < _RECENT_S
        case Flag(active=active):
            return active
        case _:
            return False


class Freshness:
    """A bounded memory of observations; the least recently used go first."""

    def __init__(self, *, entries_max: int) -> None:
        self._entries_max = entries_max
        self._entries: OrderedDict[FreshnessKey, Observed] = OrderedDict()

    def get(
        self, key: FreshnessKey, *, max_age_s: float, adverse_max_age_s: float = 0.0, now: datetime
    ) -> Observed | None:
        """An earlier answer, marked as cached, or ``None``: no older than ``max_age_s``, or ``adverse_max_age_s``."""
        kept = self._entries.get(key)
        if kept is None:
            return None
        limit_s = max(max_age_s, adverse_max_age_s) if is_adverse(kept) else max_age_s
        if limit_s <= 0 or seconds_between(kept.observed_at, now) > limit_s:
            return None
        # Defensive: an answer from the future has no age; the clock was put back, and it may be days old.
        if seconds_between(now, kept.observed_at) > _AHEAD_S:
            return None
        self._entries.move_to_end(key)
        return msgspec.structs.replace(kept, source=msgspec.structs.replace(kept.source, cached=True), latency_ms=0.0)

    def forget(self, tenant: str, subject: bytes) -> None:
        """Drop every answer about a subject."""
        for key in [key for key in self._entries if (key.tenant, key.subject) == (tenant, subject)]:
            del self._entries[key]

    def put(self, key: FreshnessKey, observed: Observed) -> None:
        """Keep an answer, replacing an earlier one."""
        if observed.name in _NEVER_KEPT:
            return
        self._entries[key] = observed
        self._entries.move_to_end(key)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)
