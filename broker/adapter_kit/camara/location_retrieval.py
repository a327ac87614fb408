"""location-retrieval: where is the device, in clear? Releases 0.1.0 to 0.5.0. Off unless switched on and granted."""

import math
from functools import partial
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import seconds_between
from broker.adapter_kit.camara.line import IdentifierRule, InstrumentVersion, Line
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import Area, Locate, Located, Point
from broker.adapter_kit.wire import Reader, instant, malformed
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Unavailability

_RETRIEVE = "retrieve"
_CORNERS = range(3, 16)


class _Point(msgspec.Struct):
    latitude: float
    longitude: float


class _Area(msgspec.Struct):
    kind: Literal["CIRCLE", "POLYGON"] = msgspec.field(name="areaType")
    center: _Point | None = None
    radius: float | None = None
    boundary: tuple[_Point, ...] = ()


class _Answer(msgspec.Struct):
    located_at: str = msgspec.field(name="lastLocationTime")
    area: _Area


_ANSWERS = Reader(_Answer)


class _Rules(msgspec.Struct, frozen=True):
    """What differs between releases: the least ``maxAge``, in seconds, and whether a surface can be demanded."""

    max_age_s_min: int
    has_surface: bool


async def carry_out(line: Line, order: Locate, rules: _Rules) -> Located:
    """The area, and the age of what the network knows; never older than ordered."""
    max_age_s = max(rules.max_age_s_min, order.max_age_s)
    body: dict[str, object] = {**line.device_body, "maxAge": max_age_s}
    if rules.has_surface and order.max_surface_m2 is not None:
        body["maxSurface"] = order.max_surface_m2
    answer = await line.post(_RETRIEVE, body, _ANSWERS)
    now = line.clock.now()
    return Located(_area(answer.area), seconds_between(instant(answer.located_at, now), now))


def _area(area: _Area) -> Area:
    if area.kind == "POLYGON":
        if len(area.boundary) not in _CORNERS:
            raise malformed(KitCode.ABSURD_VALUE)
        return Area(tuple(_point(corner) for corner in area.boundary))
    if area.center is None or area.radius is None:
        raise malformed(KitCode.WRONG_TYPE)
    if not (math.isfinite(area.radius) and area.radius > 0):
        raise malformed(KitCode.ABSURD_VALUE)
    return Area((_point(area.center),), area.radius)


def _point(point: _Point) -> Point:
    if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):  # noqa: PLR2004 - degrees
        raise malformed(KitCode.ABSURD_VALUE)
    return Point(point.latitude, point.longitude)


def _version(
    version: str,
    base_path: str,
    rules: _Rules,
    not_found: Unavailability = Unavailability.UNKNOWN_SUBSCRIBER,
    identifier: IdentifierRule = IdentifierRule.BY_TOKEN,
) -> InstrumentVersion:
    return InstrumentVersion(
        instrument=InstrumentName.LOCATION_AREA,
        api="location-retrieval",
        version=version,
        base_path=base_path,
        scopes={_RETRIEVE: "location-retrieval:read"},
        carry_out=partial(carry_out, rules=rules),
        not_found=not_found,
        identifier=identifier,
        discloses=True,
    )


_NEW = _Rules(0, has_surface=True)
VERSIONS = (
    _version("0.1.0", "/location-retrieval/v0", _Rules(60, has_surface=False), identifier=IdentifierRule.ALWAYS),
    _version("0.3.0", "/location-retrieval/v0.3", _Rules(0, has_surface=False)),
    _version("0.4.0", "/location-retrieval/v0.4", _NEW, Unavailability.UNSUPPORTED),
    _version("0.5.0", "/location-retrieval/v0.5", _NEW, Unavailability.UNSUPPORTED),
)
