"""most-frequent-location 0.2: how much of the last 30 days a device spent around a place."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.devices import Device, device_identifier
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument
from adapters.mock.operator.apis.operation import Operation, Question
from adapters.mock.operator.network.geometry import distance_m
from adapters.mock.operator.profile import Place

WINDOW = timedelta(days=30)
ENOUGH = timedelta(days=1)
"""With less of the window known, there is no score."""
ZONE_RADIUS_M = 5000.0
"""How far the antennas reach that stand for a place or a postal code."""


class GeoReference(msgspec.Struct, frozen=True, rename="camel"):
    """A place by its coordinates, or an area by its postal code."""

    type: Literal["COVERAGE_ZONE", "POSTAL_CODE"]
    latitude: Annotated[float, Meta(ge=-90, le=90)] | UnsetType = UNSET
    longitude: Annotated[float, Meta(ge=-180, le=180)] | UnsetType = UNSET
    postal_code: str | UnsetType = UNSET


class VerifyFrequentLocation(msgspec.Struct, frozen=True, rename="camel"):
    """Is the device often there?"""

    geo_reference: GeoReference
    device: Device | UnsetType = UNSET


class FrequentLocationScore(msgspec.Struct, frozen=True):
    """0 never, 100 always: a share of time, not a probability."""

    score: Annotated[int, Meta(ge=0, le=100)]


def _check(_dialect: Dialect, body: VerifyFrequentLocation) -> None:
    reference = body.geo_reference
    by_zone = reference.type == "COVERAGE_ZONE"
    needed = (reference.latitude, reference.longitude) if by_zone else (reference.postal_code,)
    if UNSET in needed:
        raise invalid_argument("the reference lacks a member of its type")


def _place(question: Question) -> Place:
    reference: GeoReference = question.body.geo_reference
    if reference.type == "COVERAGE_ZONE":
        return Place.model_validate({"latitude": reference.latitude, "longitude": reference.longitude})
    place = question.geography.postal_codes.get(str(reference.postal_code))
    if place is None:
        raise CamaraError(400, "MOST_FREQUENT_LOCATION.POSTAL_CODE_NOT_VALID", "the postal code is not known")
    return place


def _score(question: Question) -> FrequentLocationScore:
    place, line = _place(question), question.line
    begin = max(question.now - WINDOW, line.owner_since or question.now)
    there = known = timedelta()
    open_stay = [line.fix] if line.fix is not None and line.fix.last_seen is None else []
    for stay in (*line.stays, *open_stay):
        span = (stay.last_seen or question.now) - max(stay.since, begin)
        if span > timedelta():
            known += span
            apart_m = distance_m(stay.latitude, stay.longitude, place.latitude, place.longitude)
            there += span if apart_m <= stay.radius_m + ZONE_RADIUS_M else timedelta()
    if known < ENOUGH:
        raise CamaraError(
            404, "MOST_FREQUENT_LOCATION.INFORMATION_NOT_AVAILABLE", "too little is known about where this device was"
        )
    return FrequentLocationScore(round(there / known * 100))


MOST_FREQUENT_LOCATION = (
    Operation(
        method="POST",
        path="/verify",
        name="verifyFrequentLocation",
        summary="How often a device is at a place",
        scopes=frozenset({"most-frequent-location:verify"}),
        body=VerifyFrequentLocation,
        check=_check,
        identifier=device_identifier,
        answer_type=FrequentLocationScore,
        answer=_score,
    ),
)
