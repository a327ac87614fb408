"""location-retrieval 0.3 to 1.0: where the network believes a device to be."""

import math
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.devices import Device, DeviceResponse, device_identifier, used_device
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument
from adapters.mock.operator.apis.location_verification import Point
from adapters.mock.operator.apis.operation import Operation, Question

PREFIX = "LOCATION_RETRIEVAL."


class RetrieveLocation(msgspec.Struct, frozen=True, rename="camel"):
    """``maxAge`` in seconds, ``maxSurface`` in square metres."""

    device: Device | UnsetType = UNSET
    max_age: int | UnsetType = UNSET
    max_surface: int | UnsetType = UNSET


class CircleArea(msgspec.Struct, frozen=True, rename="camel"):
    """A circle; ``radius`` in metres."""

    area_type: Literal["CIRCLE"]
    center: Point
    radius: float


class Location(msgspec.Struct, frozen=True, rename="camel"):
    """An area in which the device was at that time."""

    last_location_time: datetime
    area: CircleArea
    device: DeviceResponse | UnsetType = UNSET


def _knows_surface(dialect: Dialect) -> bool:
    """0.3.0 has no ``maxSurface``, and ignores it like any unknown member."""
    return dialect.version != "0.3.0"


def _check(dialect: Dialect, body: RetrieveLocation) -> None:
    if _knows_surface(dialect) and isinstance(body.max_surface, int) and body.max_surface < 1:
        raise invalid_argument("maxSurface must be at least 1")
    if isinstance(body.max_age, int) and body.max_age < 0:
        raise invalid_argument("maxAge must not be negative")


def _locate(question: Question) -> Location:
    body: RetrieveLocation = question.body
    fix = question.line.fix
    if fix is None:
        known = question.dialect.commonalities not in {"0.4", "0.5"}
        code = (422, f"{PREFIX}UNABLE_TO_LOCATE") if known else (404, f"{PREFIX}DEVICE_NOT_FOUND")
        raise CamaraError(*code, "the network is unable to locate the device")
    max_age_s = body.max_age if isinstance(body.max_age, int) else None
    located_at = fix.located_at(question.now, max_age_s)
    if max_age_s is not None and (question.now - located_at).total_seconds() > max_age_s:
        raise CamaraError(422, f"{PREFIX}UNABLE_TO_FULFILL_MAX_AGE", "no location as fresh as this is known")
    surface = body.max_surface if _knows_surface(question.dialect) else UNSET
    if isinstance(surface, int) and math.pi * fix.radius_m**2 > surface:
        raise CamaraError(422, f"{PREFIX}UNABLE_TO_FULFILL_MAX_SURFACE", "no location as exact as this is known")
    area = CircleArea("CIRCLE", Point(fix.latitude, fix.longitude), fix.radius_m)
    return Location(question.local(located_at), area, used_device(question))


LOCATION_RETRIEVAL = (
    Operation(
        method="POST",
        path="/retrieve",
        name="retrieveLocation",
        summary="Where a device is",
        scopes=frozenset({"location-retrieval:read"}),
        body=RetrieveLocation,
        check=_check,
        identifier=device_identifier,
        answer_type=Location,
        answer=_locate,
    ),
)
