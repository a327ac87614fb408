"""What the latest change of SIM was: a new line, a port-in, a number passed on, or a swap under a running contract.

An operator calls all of these a SIM swap (sim-swap, 3.1 of its definition). Only together with tenure and recycling do
they come apart, and only where the evidence leaves no other reading; everything else is *untold*.
"""

import math
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import msgspec

from broker.domain.evidence import Evidence
from broker.domain.signal import AgeRange, Flag, Observed, SignalName, Tenure

_DAY_S = 86_400.0
_SAME_BEGINNING_S = 4 * _DAY_S
"""The widest beginning of a contract that a SIM can be said to have come with: a day, plus zones and ways to count."""
_LONG_S = 36_500 * _DAY_S


class SimStory(StrEnum):
    """What the latest change of SIM was."""

    UNTOLD = "untold"
    """The evidence allows several readings, or one of the signals is missing."""
    BEFORE_BINDING = "before_binding"
    """No later than the day on which the number was linked to the person, who has held the line since."""
    NEW_LINE = "new_line"
    """The contract began with this SIM, and the number was linked to the person no earlier."""
    PORTED_IN = "ported_in"
    """The contract began with this SIM, while the number stayed with the person that it was linked to."""
    RECYCLED = "recycled"
    """The number is somebody else's now, or was nobody's when it was linked to the person."""
    SWAPPED = "swapped"
    """The SIM changed under a contract that went on: a replacement, or a takeover."""


class _Span(msgspec.Struct, frozen=True):
    """When something happened: between two instants, in seconds since the epoch."""

    earliest: float
    latest: float

    @classmethod
    def of(cls, age: AgeRange, observed_at: datetime) -> "_Span":
        seen_s = observed_at.timestamp()
        return cls(-math.inf if age.at_most_s is None else seen_s - age.at_most_s, seen_s - age.at_least_s)

    def meets(self, other: "_Span") -> bool:
        return self.earliest <= other.latest and other.earliest <= self.latest


def sim_story(evidence: Evidence) -> SimStory:
    """What the latest change of SIM was, from SIM swap, tenure and recycling."""
    recycled = _flag(evidence.observed(SignalName.NUMBER_RECYCLING))
    if recycled:
        return SimStory.RECYCLED
    swap, held = evidence.observed(SignalName.SIM_SWAP), evidence.observed(SignalName.KYC_TENURE)
    if swap is None or held is None or not isinstance(swap.value, AgeRange) or not isinstance(held.value, Tenure):
        return SimStory.UNTOLD
    tenure, change = held.value, _Span.of(swap.value, swap.observed_at)
    if tenure.began is not None:
        began = _Span.of(tenure.began, held.observed_at)
        if change.earliest > began.latest:
            return SimStory.SWAPPED
        if began.latest - began.earliest <= _SAME_BEGINNING_S and change.meets(began):
            return _with_contract(tenure, recycled)
    if tenure.continuous and _day(swap, swap.value) <= tenure.since:
        return SimStory.BEFORE_BINDING
    return SimStory.UNTOLD


def _with_contract(tenure: Tenure, recycled: bool | None) -> SimStory:
    """Defensive: a stranger who ports the number away begins a contract too; only recycling tells that nobody did."""
    if tenure.continuous:
        return SimStory.NEW_LINE
    return SimStory.UNTOLD if recycled is None else SimStory.PORTED_IN


def _flag(signal: Observed | None) -> bool | None:
    return signal.value.active if signal is not None and isinstance(signal.value, Flag) else None


def _day(swap: Observed, age: AgeRange) -> date:
    """The latest day, in UTC as the day of a link is, on which the SIM can have changed."""
    return (swap.observed_at - timedelta(seconds=min(age.at_least_s, _LONG_S))).astimezone(UTC).date()
