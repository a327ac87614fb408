"""Whether a signal is what it says it is: its value of the right kind, its numbers in range, its times aware.

Adapters are other people's code. What they hand over is looked at once, before it is kept, weighed or recorded, so that
a mistake in one of them is a malformed signal and never a failed check.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from broker.domain.signal import (
    AgeCheck,
    AgeRange,
    AttributeMatch,
    DeviceModel,
    Flag,
    Frequency,
    IdentityMatch,
    LineStatus,
    Match,
    NetworkType,
    Observed,
    Overlap,
    Presence,
    Reachability,
    RiskScore,
    Roaming,
    Signal,
    SignalName,
    SimBinding,
    Tenure,
    Unavailable,
    Value,
)

KINDS: Mapping[SignalName, type[Value]] = MappingProxyType(
    {
        SignalName.SIM_SWAP: AgeRange,
        SignalName.DEVICE_SWAP: AgeRange,
        SignalName.NUMBER_VERIFICATION: Match,
        SignalName.LOCATION: Presence,
        SignalName.CALL_FORWARDING: Flag,
        SignalName.NUMBER_RECYCLING: Flag,
        SignalName.KYC_TENURE: Tenure,
        SignalName.KYC_MATCH: IdentityMatch,
        SignalName.ROAMING: Roaming,
        SignalName.REACHABILITY: Reachability,
        SignalName.SUBSCRIPTION_STATUS: LineStatus,
        SignalName.KYC_AGE: AgeCheck,
        SignalName.NETWORK_TYPE: NetworkType,
        SignalName.DEVICE_IDENTITY: DeviceModel,
        SignalName.FREQUENT_LOCATION: Frequency,
        SignalName.CUSTOMER_INSIGHTS: RiskScore,
        SignalName.SIM_BINDING: SimBinding,
    }
)
"""The one kind of value that each signal can have."""

_ANSWERS: msgspec.json.Decoder[Signal] = msgspec.json.Decoder(Observed)
_REASONS: msgspec.json.Decoder[Signal] = msgspec.json.Decoder(Unavailable)
_PERCENT = range(101)
_MATCH_RATES = range(1, 100)
_GENERATIONS = range(2, 6)


def is_sound(signal: object, name: SignalName) -> bool:
    """Whether this is a signal of that name that everybody behind may take at its word."""
    if isinstance(signal, Unavailable):
        return signal.name is name and _retold(signal, _REASONS)
    if not isinstance(signal, Observed) or signal.name is not name or type(signal.value) is not KINDS[name]:
        return False
    return (
        _retold(signal, _ANSWERS) and signal.observed_at.tzinfo is not None and _covers(signal) and _sane(signal.value)
    )


def _retold(signal: Signal, reader: msgspec.json.Decoder[Signal]) -> bool:
    """Whether it survives being written down and read again: structs do not check what they are built from.

    In JSON, which has no word for a number that is not finite.
    """
    try:
        return reader.decode(msgspec.json.encode(signal)) == signal
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
        return False


def _covers(signal: Observed) -> bool:
    """A window of nothing is no window."""
    return signal.latency_ms >= 0 and (signal.window is None or signal.window.covered_s > 0)


def _sane(value: Value) -> bool:
    match value:
        case AgeRange(at_least_s=low, at_most_s=high):
            return low >= 0 and (high is None or low <= high)
        case Presence():
            return _is_presence(value)
        case Tenure(began=began):
            return began is None or _sane(began)
        case IdentityMatch(attributes=attributes):
            return bool(attributes) and all(_is_attribute(one) for one in attributes)
        case AgeCheck(identity_score=score):
            return score is None or score in _PERCENT
        case Frequency(score=score):
            return score in _PERCENT
        case NetworkType(generation=generation, status_age_s=age_s):
            return generation in _GENERATIONS and age_s >= 0
        case Roaming(status_age_s=age) | Reachability(status_age_s=age) | DeviceModel(checked_age_s=age):
            return age is None or age >= 0
        case _:
            return True


def _is_presence(value: Presence) -> bool:
    rate, age_s = value.match_rate, value.located_age_s
    rated = rate is None or (value.overlap is Overlap.PARTIAL and rate in _MATCH_RATES)
    return rated and (age_s is None or age_s >= 0)


def _is_attribute(one: AttributeMatch) -> bool:
    return one.score is None or one.score in _PERCENT
