"""location-verification: is the device within a circle? Releases 0.2.0 to 3.0.0. Periods are in seconds here."""

import math
from functools import partial
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault, seconds_between
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, IdentifierRule, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, instant, malformed
from broker.domain.check import Circle
from broker.domain.signal import Overlap, Presence, SignalName, Unavailability

_VERIFY = "verify"
_MAX_AGE_S_MIN = 60
_MATCH_RATES = range(1, 100)
# Below this a circle that moves and shrinks would find the person, which is not what was asked for.
_RADIUS_MIN_M = 2000.0


class _Rules(msgspec.Struct, frozen=True):
    """What differs between releases: whole metres up to a maximum, and whether the fix must carry its time."""

    radius_max_m: float | None
    time_required: bool


class _VerifyAnswer(msgspec.Struct):
    result: Literal["TRUE", "FALSE", "PARTIAL", "UNKNOWN"] = msgspec.field(name="verificationResult")
    located_at: str | None = msgspec.field(default=None, name="lastLocationTime")
    match_rate: int | None = msgspec.field(default=None, name="matchRate")


_ANSWERS = Reader(_VerifyAnswer)
_OVERLAPS = {"TRUE": Overlap.INSIDE, "FALSE": Overlap.OUTSIDE, "PARTIAL": Overlap.PARTIAL}


async def ask(line: ApiLine, rules: _Rules) -> Reading:
    """Where the network sees the device against the circle of the query, raised to the smallest that may be asked."""
    if line.query.location is None:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_LOCATION_GIVEN)
    body: dict[str, object] = {"area": _area(line, line.query.location, rules), "maxAge": _max_age_s(line)}
    if line.identifier is not None:
        body["device"] = {"phoneNumber": line.identifier}
    return _reading(line, await line.post(_VERIFY, body, _ANSWERS), rules)


def _area(line: ApiLine, circle: Circle, rules: _Rules) -> dict[str, object]:
    radius_m = max(circle.radius_m, line.terms.radius_min_m, _RADIUS_MIN_M)
    if rules.radius_max_m is not None:
        radius_m = math.ceil(radius_m)
        if radius_m > rules.radius_max_m:
            # A smaller circle would turn "inside" into "outside": that is another question.
            raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.RADIUS_TOO_LARGE)
    center = {"latitude": circle.latitude, "longitude": circle.longitude}
    return {"areaType": "CIRCLE", "center": center, "radius": radius_m}


def _max_age_s(line: ApiLine) -> int:
    """Always sent: without it an operator may answer from a fix of last month."""
    return max(_MAX_AGE_S_MIN, int(min(line.query.window_s, line.terms.location_age_max_s)))


def _reading(line: ApiLine, answer: _VerifyAnswer, rules: _Rules) -> Reading:
    if answer.result == "UNKNOWN":
        if rules.time_required:
            raise malformed(KitCode.WRONG_TYPE)  # removed in 3.0.0, where 422 UNABLE_TO_LOCATE says it
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.LOCATION_UNKNOWN)
    if answer.match_rate is not None and (answer.result != "PARTIAL" or answer.match_rate not in _MATCH_RATES):
        raise malformed(KitCode.ABSURD_VALUE)
    if answer.located_at is None and rules.time_required:
        raise malformed(KitCode.WRONG_TYPE)
    now = line.clock.now()
    age_s = None if answer.located_at is None else seconds_between(instant(answer.located_at, now), now)
    return Reading(Presence(_OVERLAPS[answer.result], answer.match_rate, age_s))


def _version(
    version: str,
    base_path: str,
    rules: _Rules,
    *,
    not_found: Unavailability = Unavailability.UNKNOWN_SUBSCRIBER,
    identifier: IdentifierRule = IdentifierRule.BY_TOKEN,
) -> ApiVersion:
    return ApiVersion(
        SignalName.LOCATION,
        "location-verification",
        version,
        base_path,
        {_VERIFY: "location-verification:verify"},
        partial(ask, rules=rules),
        not_found=not_found,
        identifier=identifier,
    )


_BEFORE_3 = _Rules(radius_max_m=200_000, time_required=False)
VERSIONS = (
    _version("0.2.0", "/location-verification/v0", _BEFORE_3, identifier=IdentifierRule.ALWAYS),
    _version("1.0.0", "/location-verification/v1", _BEFORE_3),
    _version("2.0.0", "/location-verification/v2", _BEFORE_3, not_found=Unavailability.UNSUPPORTED),
    _version(
        "3.0.0",
        "/location-verification/v3",
        _Rules(radius_max_m=None, time_required=True),
        not_found=Unavailability.UNSUPPORTED,
    ),
)
