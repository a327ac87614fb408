"""location-verification 1.0 to 3.0: how the network's area for a device lies to the circle that was asked about."""

import math
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.devices import Device, DeviceResponse, device_identifier, used_device
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument, out_of_range
from adapters.mock.operator.apis.operation import Operation, Question
from adapters.mock.operator.network.geometry import distance_m, share_inside
from adapters.mock.operator.network.timeline import Fix

PREFIX = "LOCATION_VERIFICATION."
Result = Literal["TRUE", "FALSE", "PARTIAL", "UNKNOWN"]


class Point(msgspec.Struct, frozen=True):
    """Degrees."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class Circle(msgspec.Struct, frozen=True, rename="camel"):
    """The only kind of area; ``radius`` in metres, its bounds depend on the version."""

    area_type: Literal["CIRCLE"]
    center: Point
    radius: int | float


class VerifyLocation(msgspec.Struct, frozen=True, rename="camel"):
    """Is the device in this circle? ``maxAge`` in seconds: absent means any age, 0 a fresh look."""

    area: Circle
    device: Device | UnsetType = UNSET
    max_age: int | UnsetType = UNSET


class VerifyLocationResponse(msgspec.Struct, frozen=True, rename="camel"):
    """TRUE: the network's area lies inside. FALSE: outside. PARTIAL: ``matchRate`` percent of it lie inside.

    UNKNOWN exists before 3.0.0, and is the only answer without ``lastLocationTime``; ``device`` exists from 3.0.0 on.
    """

    verification_result: Result
    last_location_time: datetime | UnsetType = UNSET
    match_rate: Annotated[int, Meta(ge=1, le=99)] | UnsetType = UNSET
    device: DeviceResponse | UnsetType = UNSET


def _check(dialect: Dialect, body: VerifyLocation) -> None:
    radius, bounds = body.area.radius, dialect.radius
    if bounds is None:
        raise TypeError(f"{dialect.api} {dialect.version} has no bounds for a radius")
    if not math.isfinite(radius) or (bounds.whole and not isinstance(radius, int)):
        raise invalid_argument("radius must be a number of metres, in this version perhaps a whole one")
    if radius < bounds.minimum_m or (bounds.maximum_m is not None and radius > bounds.maximum_m):
        raise invalid_argument("radius is outside the bounds of this version")
    if isinstance(body.max_age, int) and body.max_age < 0:
        raise out_of_range("maxAge must not be negative")


def _verify(question: Question) -> VerifyLocationResponse:
    body: VerifyLocation = question.body
    _must_be_served(question, body.area)
    fix, max_age_s = question.line.fix, body.max_age if isinstance(body.max_age, int) else None
    if fix is None:
        return _cannot_locate(question, max_age_s)
    located_at = fix.located_at(question.now, max_age_s)
    if max_age_s is not None and (question.now - located_at).total_seconds() > max_age_s:
        raise _too_old()
    result, rate = _compare(fix, body.area)
    return VerifyLocationResponse(
        verification_result=result,
        last_location_time=question.local(located_at),
        match_rate=rate,
        device=used_device(question),
    )


def _must_be_served(question: Question, area: Circle) -> None:
    geography = question.geography
    if area.radius < geography.minimum_radius_m:
        raise CamaraError(
            *question.dialect.codes.area_too_small, f"the radius must be at least {geography.minimum_radius_m:.0f} m"
        )
    apart_m = distance_m(geography.home.latitude, geography.home.longitude, area.center.latitude, area.center.longitude)
    if apart_m > geography.coverage_radius_m:
        raise CamaraError(*question.dialect.codes.area_not_covered, "the area is not covered")


def _cannot_locate(question: Question, max_age_s: int | None) -> VerifyLocationResponse:
    """What "not known at all" is called: UNKNOWN in 1.0.0, also in 2.0.0 unless an age was asked for, 422 in 3.0.0."""
    if question.dialect.unknown_result and (max_age_s is None or question.dialect.commonalities == "0.4"):
        return VerifyLocationResponse("UNKNOWN")
    if max_age_s is not None:
        raise _too_old()
    raise CamaraError(422, f"{PREFIX}UNABLE_TO_LOCATE", "the network is unable to locate the device")


def _too_old() -> CamaraError:
    return CamaraError(422, f"{PREFIX}UNABLE_TO_FULFILL_MAX_AGE", "no location as fresh as this is known")


def _compare(fix: Fix, area: Circle) -> tuple[Result, int | UnsetType]:
    apart_m = distance_m(fix.latitude, fix.longitude, area.center.latitude, area.center.longitude)
    share = share_inside(fix.radius_m, float(area.radius), apart_m)
    if share == 0.0:
        return "FALSE", UNSET
    if share == 1.0:
        return "TRUE", UNSET
    return "PARTIAL", min(99, max(1, round(share * 100)))


LOCATION_VERIFICATION = (
    Operation(
        method="POST",
        path="/verify",
        name="verifyLocation",
        summary="Whether a device is in a circle",
        scopes=frozenset({"location-verification:verify"}),
        body=VerifyLocation,
        check=_check,
        identifier=device_identifier,
        answer_type=VerifyLocationResponse,
        answer=_verify,
    ),
)
