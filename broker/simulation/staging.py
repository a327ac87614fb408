"""What a simulated person's operator says, as the history of a line at the pretend operator: the same, told in events.

Everything is seconds before now. What no single line can show (a contract of ten days with a SIM of two years) is
told as :class:`NoSuchLine`, and counted.
"""

from datetime import date, timedelta
from typing import Any

import msgspec

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
)
from broker.simulation.lives import DAY_S
from broker.simulation.network import EPOCH
from broker.simulation.play import Scene

APIS = {
    SignalName.SIM_SWAP: "sim-swap",
    SignalName.DEVICE_SWAP: "device-swap",
    SignalName.CALL_FORWARDING: "call-forwarding-signal",
    SignalName.NUMBER_VERIFICATION: "number-verification",
    SignalName.LOCATION: "location-verification",
    SignalName.NUMBER_RECYCLING: "number-recycling",
    SignalName.KYC_TENURE: "kyc-tenure",
    SignalName.KYC_MATCH: "kyc-match",
}
HOME, ELSEWHERE, RADIUS_M = (40.4168, -3.7038), (41.3874, 2.1686), 5000.0
CLAIMED = "Alma Serrano Vidal"
SOMEBODY_ELSE = "+999990000001"

_ON_FILE = {100: CLAIMED, 70: "Alma Serrano", 0: "Bruno Lamas Ortega"}
# So much of a circle of this radius lies within RADIUS_M as makes "partial" weigh what the scenario table says.
_PARTIAL_M = 6350.0
_YOUNG_S, _OLD_S, _OLDEST_S = 5 * DAY_S, 61 * DAY_S, 4000 * DAY_S
_BOUND_DAYS = 3900
_AT_ONCE = frozenset({Unavailability.UNSUPPORTED, Unavailability.NOT_PERMITTED, Unavailability.NOT_APPLICABLE})


class NoSuchLine(Exception):
    """The pretend operator has no line of which all this is true; the text says why."""


class Staged(msgspec.Struct, frozen=True):
    """One question made ready: the subscriber and faults to put, by API, and what the request says beside the number.

    ``consents`` are the signals that the person lets be asked; ``proves`` says whether the session has a SIM to prove.
    """

    subscriber: dict[str, Any]
    faults: dict[str, dict[str, Any]]
    bound_days: int
    consents: tuple[str, ...]
    proves: bool


def staged(scene: Scene) -> Staged:
    """The line, the faults and the request of a question.

    Raises:
        NoSuchLine: they contradict each other, or the operator answered in windows.
    """
    heard = Evidence.of([one.signal for one in scene.answers.values()])
    said = heard.observed(SignalName.KYC_TENURE)
    tenure = said.value if said is not None and isinstance(said.value, Tenure) else None
    bound_days = (
        _BOUND_DAYS if tenure is None else (EPOCH.date() - tenure.since).days + int(scene.question.at_s // DAY_S)
    )
    refused = {one.name for one in heard.signals if _reason(one) is Unavailability.NOT_PERMITTED}
    return Staged(
        subscriber={"events": _history(heard, tenure, bound_days), **_retention(heard), **_owner(heard)},
        faults={
            APIS[name]: fault for name, one in scene.answers.items() if (fault := _fault(one.signal, one.after_ms))
        },
        bound_days=bound_days,
        consents=tuple(sorted(one.value for one in {SignalName.LOCATION, SignalName.KYC_MATCH} - refused)),
        proves=_reason(heard.get(SignalName.NUMBER_VERIFICATION)) is not Unavailability.NOT_APPLICABLE,
    )


def bound_since(staged_: Staged, today: date) -> date:
    """The day on which the number was linked to the person."""
    return today - timedelta(days=staged_.bound_days)


def _history(heard: Evidence, tenure: Tenure | None, bound_days: int) -> list[dict[str, Any]]:
    young, recycled = tenure is not None and not tenure.continuous, _flag(heard, SignalName.NUMBER_RECYCLING)
    sim_s = _changed_s(heard, SignalName.SIM_SWAP, _YOUNG_S if young else _OLD_S)
    device_s = _changed_s(heard, SignalName.DEVICE_SWAP, _YOUNG_S if young else _OLD_S)
    events = [_event(_OLDEST_S, "activation"), _event(0.0, "identity", person={"name": _name(heard)})]
    if young or recycled:
        if recycled and tenure is not None and tenure.continuous:
            raise NoSuchLine("another holder, and an unbroken contract")
        newest_s = max(sim_s, device_s) if recycled else sim_s
        if newest_s >= (bound_days - 1) * DAY_S:
            raise NoSuchLine("a new contract on an older SIM")
        events.append(_event(newest_s, "ownership_change") if recycled else _ported(sim_s))
    events += [_event(sim_s, "sim_change")] if not young or recycled else []
    events += [_event(device_s, "device_change"), *_doing(heard)]
    return sorted(events, key=lambda one: -one["agoS"])


def _ported(sim_s: float) -> dict[str, Any]:
    """A new SIM with a new contract; the holder stays."""
    return _event(sim_s, "sim_change", cause="port_in")


def _doing(heard: Evidence) -> list[dict[str, Any]]:
    """Where the phone is, and whether calls are diverted."""
    found = heard.observed(SignalName.LOCATION)
    overlap = found.value.overlap if found is not None and isinstance(found.value, Presence) else Overlap.INSIDE
    latitude, longitude = ELSEWHERE if overlap is Overlap.OUTSIDE else HOME
    radius_m = _PARTIAL_M if overlap is Overlap.PARTIAL else 500.0
    seen = _event(1.0, "seen", latitude=latitude, longitude=longitude, radius_m=radius_m)
    return [seen, _event(3600.0, "forwarding", active=_flag(heard, SignalName.CALL_FORWARDING))]


def _changed_s(heard: Evidence, name: SignalName, unsaid_s: float) -> float:
    """When it changed; beyond :data:`_OLD_S` every age weighs the same."""
    found = heard.observed(name)
    if found is None or not isinstance(found.value, AgeRange):
        return unsaid_s
    least_s, most_s = found.value.at_least_s, found.value.at_most_s
    if most_s is not None and most_s != least_s:
        raise NoSuchLine("a change within a window, without its day")
    return min(least_s, _OLD_S)


def _retention(heard: Evidence) -> dict[str, Any]:
    """An operator that tells no dates beyond its window: "not within" is all that it says of an older change."""
    ages = [one.value for one in heard.signals if isinstance(one, Observed) and isinstance(one.value, AgeRange)]
    windows = {one.at_least_s for one in ages if one.at_most_s is None}
    if not windows:
        return {}
    if len(windows) < len({(one.at_least_s, one.at_most_s) for one in ages}):
        raise NoSuchLine("a change within a window, without its day")
    return {"retention": {"hours": round(min(windows) / 3600)}}


def _owner(heard: Evidence) -> dict[str, Any]:
    """Whose SIM is in the phone that holds the session."""
    found = heard.observed(SignalName.NUMBER_VERIFICATION)
    mismatch = found is not None and isinstance(found.value, Match) and not found.value.matched
    return {"simNumber": SOMEBODY_ELSE} if mismatch else {}


def _name(heard: Evidence) -> str:
    """What is on file, as like what is claimed as the operator found it."""
    found = heard.observed(SignalName.KYC_MATCH)
    if found is None or not isinstance(found.value, IdentityMatch):
        return CLAIMED
    score = found.value.attributes[0].score
    return _ON_FILE[100 if score is None else score]


def _fault(signal: Observed | Unavailable, after_ms: float) -> dict[str, Any] | None:
    reason = _reason(signal)
    if reason in _AT_ONCE:
        return None
    if reason is Unavailability.TIMEOUT:
        return {"type": "hang", "maxMs": 5000}
    if reason is not None:
        return {"type": "status", "status": 503}
    return {"type": "latency", "delayMs": max(1, round(after_ms))}


def _reason(signal: Observed | Unavailable | None) -> Unavailability | None:
    return signal.reason if isinstance(signal, Unavailable) else None


def _flag(heard: Evidence, name: SignalName) -> bool:
    found = heard.observed(name)
    return found is not None and isinstance(found.value, Flag) and found.value.active


def _event(ago_s: float, kind: str, **members: Any) -> dict[str, Any]:
    return {"event": {"type": kind, **members}, "agoS": ago_s}
