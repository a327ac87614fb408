"""The cleanest and the worst that a signal can say, for asking "what if": counterfactuals and plans do."""

from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta

from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    Flag,
    IdentityMatch,
    Match,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Source,
    Tenure,
    Unavailable,
    Value,
)
from broker.policy import tenure
from broker.policy.ages import KNOTS_S
from broker.policy.scenarios import AGE_STATES, STATES, TENURE_STATES

_SUPPOSED = Source("supposed", "supposed", "0")
_DAY = timedelta(days=1)
_AGES = dict(zip(AGE_STATES, KNOTS_S, strict=True))
_TENURES = dict(zip(TENURE_STATES, (10, 400, 3650), strict=True))
_OTHERS: dict[SignalName, dict[str, Value]] = {
    SignalName.NUMBER_VERIFICATION: {"match": Match(matched=True), "mismatch": Match(matched=False)},
    SignalName.LOCATION: {overlap.value: Presence(overlap) for overlap in Overlap},
    SignalName.CALL_FORWARDING: {"active": Flag(active=True), "inactive": Flag(active=False)},
    SignalName.NUMBER_RECYCLING: {"recycled": Flag(active=True), "same": Flag(active=False)},
    SignalName.KYC_MATCH: {
        "low": IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, 0),)),
        "mid": IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, 70),)),
        "high": IdentityMatch((AttributeMatch("name", Confirmation.AGREES),)),
    },
}


def supposed(name: SignalName, state: str, now: datetime) -> Observed:
    """A fresh answer in the middle of a state.

    Raises:
        KeyError: the signal has no such state.
    """
    return Observed(name, _value(name, state, now), now, _SUPPOSED)


def clean(name: SignalName, now: datetime) -> Observed:
    """The cleanest fresh answer."""
    return supposed(name, STATES[name][-1], now)


def worst(name: SignalName, now: datetime) -> Observed:
    """The worst fresh answer: a SIM or handset of this moment, a tenure that was broken."""
    if name in {SignalName.SIM_SWAP, SignalName.DEVICE_SWAP}:
        return Observed(name, AgeRange(0.0, 0.0), now, _SUPPOSED)
    return supposed(name, STATES[name][0], now)


def bound_today(now: datetime) -> Observed:
    """One holder since today, when the number was linked to the person: clean, and it excuses a young SIM."""
    return Observed(SignalName.KYC_TENURE, Tenure(now.date(), continuous=True), now, _SUPPOSED)


def alike(signal: Signal, now: datetime, *, fix_fresh_s: float) -> Hashable | None:
    """What signals that weigh and decide alike have in common, whatever else is known; ``None`` for one of its own.

    Only fresh answers have any: an older one weighs a little less with each second. A SIM or handset beyond the last
    knot of the curve is as old as any, a line beyond the last state of tenure is as long; a younger one is not, for
    its age is a number of its own, and so is the day that it may lie before or after.
    """
    if isinstance(signal, Unavailable):
        return signal.name, signal.reason, signal.code
    if signal.observed_at < now:
        return None
    match signal.value:
        case AgeRange(at_least_s=least):
            return (signal.name,) if least >= KNOTS_S[-1] else None
        case Tenure(continuous=continuous):
            long = tenure.state_at(tenure.covered_s(signal.value, signal.observed_at)) == len(TENURE_STATES) - 1
            return (signal.name,) if continuous and long else None
        case Presence(located_age_s=fix_age_s) if fix_age_s is not None and fix_age_s > fix_fresh_s:
            return None
        case Presence(overlap=overlap, match_rate=rate):
            return signal.name, overlap, rate
        case value:
            return signal.name, value


def replaced(evidence: Evidence, answers: Iterable[Observed]) -> Evidence:
    """The evidence with these answers in place of what was there under their names."""
    instead = {one.name: one for one in answers}
    return Evidence.of([*(one for one in evidence.signals if one.name not in instead), *instead.values()])


def _value(name: SignalName, state: str, now: datetime) -> Value:
    if name in {SignalName.SIM_SWAP, SignalName.DEVICE_SWAP}:
        return AgeRange(_AGES[state], _AGES[state])
    if name is SignalName.KYC_TENURE:
        # A young line is known by a tenure that was broken; any other by one that was not.
        return Tenure((now - _TENURES[state] * _DAY).date(), continuous=state != TENURE_STATES[0])
    return _OTHERS[name][state]
