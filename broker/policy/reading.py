"""One signal at one instant, read for one action class: its state, its weight, and how fresh it is."""

import math
from collections.abc import Iterable
from datetime import datetime

import msgspec

from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    Flag,
    IdentityMatch,
    Match,
    Observed,
    Overlap,
    Presence,
    SignalName,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy import ages, identity, tenure
from broker.policy.ages import Points
from broker.policy.evidence_table import EvidenceTable
from broker.policy.scenarios import AGE_STATES, STATES

NO_LOCATION_GIVEN = "NO_LOCATION_GIVEN"
"""The caller sent no place to compare with: the network was not asked, so its silence says nothing."""

NOT_ASKED = "not_asked"
"""The state of a signal that the policy wants and nobody planned."""

_MATCH_RATES = range(1, 100)
_AGES = frozenset({SignalName.SIM_SWAP, SignalName.DEVICE_SWAP})
_KINDS: dict[SignalName, type[Value]] = {
    SignalName.SIM_SWAP: AgeRange,
    SignalName.DEVICE_SWAP: AgeRange,
    SignalName.NUMBER_VERIFICATION: Match,
    SignalName.LOCATION: Presence,
    SignalName.CALL_FORWARDING: Flag,
    SignalName.NUMBER_RECYCLING: Flag,
    SignalName.KYC_TENURE: Tenure,
    SignalName.KYC_MATCH: IdentityMatch,
}


class Reading(msgspec.Struct, frozen=True):
    """What one signal says.

    ``state`` of an age is the youngest bin that the answer allows. ``weight`` is the table's, before ageing;
    ``freshness`` (0-1) is what is left of a clean answer. ``points`` are the ages that the weight was read at, for SIM
    and device. An absent signal has no freshness, and weighs something only where its absence does. ``unexcused`` is
    what a change from before the binding would have said without the binding.
    """

    name: SignalName
    state: str
    weight: float
    freshness: float = 0.0
    points: Points = ()
    missing: Unavailability | None = None
    unexcused: "Reading | None" = None

    @property
    def observed(self) -> bool:
        """Whether there is an answer."""
        return self.missing is None

    @property
    def aged(self) -> float:
        """The weight after ageing: clean answers fade, adverse ones do not."""
        return max(self.weight, self.weight * self.freshness) if self.observed else self.weight


class Reader:
    """Reads evidence for one class at one instant.

    Args:
        table: the weights.
        action_class: high and critical read every range at its worst, others at its expected end.
        now: aware, UTC.
    """

    def __init__(self, table: EvidenceTable, action_class: ActionClass, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("now must carry a zone")
        self._table = table
        self._action_class = action_class
        self._now = now
        self._strict = action_class >= ActionClass.HIGH

    def all(self, evidence: Evidence, wanted: Iterable[SignalName]) -> dict[SignalName, Reading]:
        """A reading for every signal that is there or wanted, in canonical order.

        Raises:
            ValueError: a value is not finite, out of range, or of a kind that its signal cannot have.
        """
        names = sorted({*wanted, *(signal.name for signal in evidence.signals)})
        return {name: self.one(name, evidence.get(name)) for name in names}

    def one(self, name: SignalName, signal: Observed | Unavailable | None) -> Reading:
        """What one signal says; ``None`` where nobody planned it."""
        if signal is None:
            return Reading(name, NOT_ASKED, 0.0, missing=Unavailability.SKIPPED)
        if isinstance(signal, Unavailable):
            return Reading(name, signal.reason.value, self._missing_weight(signal), missing=signal.reason)
        if type(signal.value) is not _KINDS[name]:
            raise ValueError(f"{name.value} cannot be a {type(signal.value).__name__}")
        elapsed_s = self._elapsed_s(signal.observed_at)
        freshness = math.exp(-elapsed_s / self._table.tau_s(self._action_class))
        if isinstance(signal.value, AgeRange):
            return self._age(name, ages.checked(signal.value), elapsed_s, freshness)
        if isinstance(signal.value, IdentityMatch) and identity.likeness(signal.value) is None:
            return Reading(name, identity.NOTHING_COMPARED, 0.0, missing=Unavailability.NOT_APPLICABLE)
        state, weight = self._simple(name, signal.value, signal.observed_at)
        return Reading(name, state, weight, freshness)

    def _missing_weight(self, signal: Unavailable) -> float:
        if signal.reason is Unavailability.UNKNOWN_SUBSCRIBER:
            return self._table.unknown_subscriber
        unlocatable = signal.name is SignalName.LOCATION and signal.reason is Unavailability.NOT_APPLICABLE
        return self._table.unlocatable if unlocatable and signal.code != NO_LOCATION_GIVEN else 0.0

    def _elapsed_s(self, observed_at: datetime) -> float:
        if observed_at.tzinfo is None:
            raise ValueError("observed_at must carry a zone")
        return max(0.0, (self._now - observed_at).total_seconds())

    def _age(self, name: SignalName, value: AgeRange, elapsed_s: float, freshness: float) -> Reading:
        if self._strict:
            points = ages.worst(value, elapsed_s)
        else:
            points = ages.expected(value, elapsed_s, self._table.signals[name].legitimate)
        curve = self._table.signals[name].weights
        weight = _mean_ratio((share, ages.on_curve(curve, x)) for share, x in points)
        state = AGE_STATES[ages.bin_of(value.at_least_s + elapsed_s)]
        return Reading(name, state, weight, freshness, points)

    def _simple(self, name: SignalName, value: Value, observed_at: datetime) -> tuple[str, float]:
        adverse, *_, clean = STATES[name]
        match value:
            case Match():
                state = clean if value.matched else adverse
            case Flag():
                state = adverse if value.active else clean
            case Presence():
                return value.overlap.value, self._presence(value)
            case Tenure():
                return tenure.read(value, observed_at, self._table.signals[name], strict=self._strict)
            case IdentityMatch():
                state = identity.state(value, self._table.identity)
            case _:  # pragma: no cover - the kinds were checked
                raise ValueError(f"{name.value} has no states")
        return state, self._table.weight(name, state)

    def _presence(self, value: Presence) -> float:
        """Staleness is that of the fix when it was observed; what passes since is ageing, which never turns adverse."""
        if value.match_rate is not None and value.match_rate not in _MATCH_RATES:
            raise ValueError("a match rate is 1 to 99 percent")
        weight = self._table.presence_weight(value.overlap, value.match_rate)
        fix_age_s = 0.0 if value.located_age_s is None else value.located_age_s
        if not (math.isfinite(fix_age_s) and fix_age_s >= 0.0):
            raise ValueError("the age of a fix must be finite and not negative")
        if not self._strict:
            return weight
        # Defensive: an attacker who keeps the handset switched off leaves the victim's last fix standing.
        limits = self._table.freshness
        stale = (fix_age_s - limits.fix_fresh_s) / (limits.fix_stale_s - limits.fix_fresh_s)
        partial = self._table.presence_weight(Overlap.PARTIAL, None)
        return max(weight, weight + (partial - weight) * min(max(stale, 0.0), 1.0))


def joint_weight(table: EvidenceTable, sim: Points, device: Points) -> float:
    """The pair table's weight of a SIM age and a device age."""
    return _mean_ratio((a * b, ages.on_grid(table.pair, x, y)) for a, x in sim for b, y in device)


def _mean_ratio(weighted: Iterable[tuple[float, float]]) -> float:
    """The log of the mean likelihood ratio; exact where there is one point."""
    pairs = list(weighted)
    if len(pairs) == 1:
        return pairs[0][1]
    return math.log(math.fsum(share * math.exp(weight) for share, weight in pairs))
