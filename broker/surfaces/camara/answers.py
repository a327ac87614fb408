"""Signals, told as CAMARA's operations answer.

Where the signal does not hold what an answer must say, the answer is an error and never a guess.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from typing import Any

from broker.domain.signal import (
    AgeCheck,
    AgeRange,
    AttributeMatch,
    Channel,
    Confirmation,
    Contract,
    Flag,
    IdentityMatch,
    Observed,
    Overlap,
    Presence,
    Reachability,
    Roaming,
    Tenure,
)
from broker.surfaces.camara.errors import CamaraError
from broker.surfaces.camara.questions import NOT_ASKED, Parts

_HOUR_S, _DAY_S = 3600, 86_400


def _value(signal: Observed, kind: type[Any]) -> Any:
    if not isinstance(signal.value, kind):  # Defensive: an answer of another kind is no answer
        raise CamaraError(502, "BAD_GATEWAY", "the network answered something else")
    return signal.value


def swapped(signal: Observed, parts: Parts) -> dict[str, Any]:
    """Whether it was within the period; never "no" where the network does not look back so far."""
    age: AgeRange = _value(signal, AgeRange)
    if age.at_most_s is not None and age.at_most_s <= parts.window_s:
        return {"swapped": True}
    if age.at_least_s >= parts.window_s:
        return {"swapped": False}
    # Neither is known: the network's memory is shorter than the period asked about.
    raise CamaraError(400, "OUT_OF_RANGE", f"the network looks back {int(age.at_least_s // _HOUR_S)} hours: send less")


def swap_date(member: str) -> Callable[[Observed, Parts], dict[str, Any]]:
    """How the date of a change is told: as a date, or as the period in which there was none."""

    def tell(signal: Observed, _parts: Parts) -> dict[str, Any]:
        age: AgeRange = _value(signal, AgeRange)
        if age.at_most_s is None:
            return {member: None, "monitoredPeriod": max(1, math.floor(age.at_least_s / _DAY_S))}
        if age.at_most_s > age.at_least_s:
            raise CamaraError(422, "SERVICE_NOT_APPLICABLE", "the network tells periods and no dates: use check")
        return {member: _ago(signal, age.at_most_s)}

    return tell


def active(signal: Observed, _parts: Parts) -> dict[str, Any]:
    """Whether calls are forwarded."""
    flag: Flag = _value(signal, Flag)
    return {"active": flag.active}


def recycled(signal: Observed, _parts: Parts) -> dict[str, Any]:
    """Whether somebody else has the number now."""
    flag: Flag = _value(signal, Flag)
    return {"phoneNumberRecycled": flag.active}


_CONTRACTS: Mapping[Contract, str] = {
    Contract.PREPAID: "PAYG",
    Contract.POSTPAID: "PAYM",
    Contract.BUSINESS: "Business",
}


def tenure(signal: Observed, parts: Parts) -> dict[str, Any]:
    """Whether the holder has been the same since the day."""
    held: Tenure = _value(signal, Tenure)
    if held.since != parts.bound_since:
        raise CamaraError(502, "BAD_GATEWAY", "the network answered for another day")
    told: dict[str, Any] = {"tenureDateCheck": held.continuous}
    return told if held.contract is None else told | {"contractType": _CONTRACTS[held.contract]}


_PLACES: Mapping[Overlap, str] = {Overlap.INSIDE: "TRUE", Overlap.OUTSIDE: "FALSE", Overlap.PARTIAL: "PARTIAL"}


def place(signal: Observed, parts: Parts) -> dict[str, Any]:
    """How the device lies to the circle, and when that was known."""
    presence: Presence = _value(signal, Presence)
    if presence.located_age_s is None:
        raise CamaraError(422, "SERVICE_NOT_APPLICABLE", "the network does not say how old its knowledge is")
    if parts.body.max_age is not None and presence.located_age_s > max(parts.body.max_age, 60):
        raise CamaraError(
            422, "LOCATION_VERIFICATION.UNABLE_TO_FULFILL_MAX_AGE", "the network's knowledge is older than maxAge"
        )
    told: dict[str, Any] = {
        "verificationResult": _PLACES[presence.overlap],
        "lastLocationTime": _ago(signal, presence.located_age_s),
    }
    return told if presence.match_rate is None else told | {"matchRate": presence.match_rate}


def roaming(signal: Observed, _parts: Parts) -> dict[str, Any]:
    """Whether the device is abroad, and where."""
    found: Roaming = _value(signal, Roaming)
    told: dict[str, Any] = {"roaming": found.roaming, **_last_status(signal, found.status_age_s)}
    if found.country_code is not None:
        told |= {"countryCode": found.country_code, "countryName": list(found.countries)}
    return told


def reachable(signal: Observed, _parts: Parts) -> dict[str, Any]:
    """Whether and how the device is reached."""
    found: Reachability = _value(signal, Reachability)
    told: dict[str, Any] = {"reachable": found.reachable, **_last_status(signal, found.status_age_s)}
    channels = [channel.upper() for channel in (Channel.DATA, Channel.SMS) if channel in found.channels]
    return told | {"connectivity": channels} if channels else told


def _last_status(signal: Observed, age_s: float | None) -> dict[str, Any]:
    if age_s is None:
        raise CamaraError(422, "SERVICE_NOT_APPLICABLE", "the network does not say how old its knowledge is")
    return {"lastStatusTime": _ago(signal, age_s)}


_SAID: Mapping[Confirmation, str] = {
    Confirmation.AGREES: "true",
    Confirmation.DIFFERS: "false",
    Confirmation.NOT_ON_FILE: "not_available",
}


def matched(signal: Observed, parts: Parts) -> dict[str, Any]:
    """Each claim against the file; what was not passed on is not available."""
    identity: IdentityMatch = _value(signal, IdentityMatch)
    told = {f"{name}Match": "not_available" for name in NOT_ASKED if name in parts.body}
    for one in identity.attributes:
        told |= _said(one)
    return told


def _said(one: AttributeMatch) -> dict[str, Any]:
    said: dict[str, Any] = {f"{one.attribute}Match": _SAID[one.confirmation]}
    # These attributes have no score in any version: they are the same or they are not.
    exact = one.attribute in {"idDocument", "birthdate", "postalCode", "country"}
    return said if one.score is None or exact else said | {f"{one.attribute}MatchScore": one.score}


def age(signal: Observed, parts: Parts) -> dict[str, Any]:
    """Whether the holder is old enough."""
    checked: AgeCheck = _value(signal, AgeCheck)
    if checked.threshold_years != parts.age_threshold_years:
        raise CamaraError(502, "BAD_GATEWAY", "the network answered for another age")
    told: dict[str, Any] = {"ageCheck": "true" if checked.reached else "false"}
    if checked.verified is not None:
        told["verifiedStatus"] = checked.verified
    if checked.identity_score is not None:
        told["identityMatchScore"] = checked.identity_score
    for wanted, name in (("includeContentLock", "contentLock"), ("includeParentalControl", "parentalControl")):
        if parts.body.get(wanted) is True:
            told[name] = "not_available"
    return told


def _ago(signal: Observed, seconds: float) -> str:
    then = signal.observed_at.astimezone(UTC) - timedelta(seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
