"""Request bodies of CAMARA operations, read as questions about a number.

Written after the definitions of CAMARA, which differ between versions in what they call things and not in what these
operations mean.
"""

from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from broker.domain.check import Circle, Claims
from broker.domain.phone import PhoneNumber
from broker.errors import Fault, InvalidRequest
from broker.surfaces import wire
from broker.surfaces.camara.errors import CamaraError, missing_identifier

_HOUR_S, _DAY_S = 3600, 86_400
_Hours = Annotated[int, msgspec.Meta(ge=1, le=2400)]
_Text = Annotated[str, msgspec.Meta(max_length=256)]


class _Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A request body. Unknown members are refused, as CAMARA asks since Commonalities 0.8."""

    def __repr__(self) -> str:  # whatever a caller sent stays out of logs and traces
        return f"{type(self).__name__}(…)"


class _About(_Body, frozen=True):
    phone_number: str | None = None


class _Within(_About, frozen=True):
    max_age: _Hours = 240


class _Since(_About, frozen=True, kw_only=True):
    specified_date: date


class _Tenure(_About, frozen=True, kw_only=True):
    tenure_date: date


class _Device(_Body, frozen=True):
    phone_number: str | None = None
    network_access_identifier: str | None = None
    ipv4_address: Any = None
    ipv6_address: str | None = None


class _OfDevice(_Body, frozen=True):
    device: _Device | None = None


class _Centre(_Body, frozen=True):
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]


class _Area(_Body, frozen=True):
    area_type: Literal["CIRCLE"]
    center: _Centre
    # Below the least that networks tell, the answer would be about a larger circle than was asked about.
    radius: Annotated[float, msgspec.Meta(ge=2_000, le=200_000)]


class _Placed(_Body, frozen=True, kw_only=True):
    area: _Area
    device: _Device | None = None
    max_age: Annotated[int, msgspec.Meta(ge=0)] | None = None


_CLAIMED = ("name", "givenName", "middleNames", "familyName", "birthdate", "email", "address", "postalCode", "country")
_ASKED = (*_CLAIMED, "idDocument")
NOT_ASKED = (
    "nameKanaHankaku",
    "nameKanaZenkaku",
    "familyNameAtBirth",
    "streetName",
    "streetNumber",
    "region",
    "locality",
    "houseNumberExtension",
    "gender",
    "cityOfBirth",
    "countryOfBirth",
    "nationality",
    "idDocumentType",
    "idDocumentExpiryDate",
)
"""Attributes of kyc-match that the broker does not pass on: nobody is asked, so they are not available."""


class Parts(NamedTuple):
    """What a body asks, beside whom it is about."""

    phone: PhoneNumber
    body: Any
    window_s: float = 30.0 * _DAY_S
    location: Circle | None = None
    bound_since: date | None = None
    claims: Claims | None = None
    age_threshold_years: int | None = None


def _phone(sent: str | None) -> PhoneNumber:
    if sent is None:
        raise missing_identifier()
    try:
        return PhoneNumber.parse(sent)
    except ValueError as error:
        raise InvalidRequest("the number is malformed", [Fault("/phoneNumber", str(error))]) from error


def _device(device: _Device | None) -> PhoneNumber:
    if device is None:
        raise missing_identifier()
    if device.phone_number is not None:
        return _phone(device.phone_number)
    if device == _Device():
        raise InvalidRequest("the device is empty", [Fault("/device", "send its phoneNumber")])
    raise CamaraError(422, "UNSUPPORTED_IDENTIFIER", "devices are known by their phoneNumber here")


def about(members: Any) -> Parts:
    """A body that names a number and nothing else."""
    body = wire.convert(members, _About)
    return Parts(_phone(body.phone_number), body)


def within(members: Any) -> Parts:
    """A number and a period in hours."""
    body = wire.convert(members, _Within)
    return Parts(_phone(body.phone_number), body, window_s=float(body.max_age * _HOUR_S))


def since(members: Any) -> Parts:
    """A number and the day since which."""
    body = wire.convert(members, _Since)
    return Parts(_phone(body.phone_number), body, bound_since=body.specified_date)


def held_since(members: Any) -> Parts:
    """A number and the day since which it has been held."""
    body = wire.convert(members, _Tenure)
    return Parts(_phone(body.phone_number), body, bound_since=body.tenure_date)


def of_device(members: Any) -> Parts:
    """A device, by its number."""
    body = wire.convert(members, _OfDevice)
    return Parts(_device(body.device), body)


def placed(members: Any) -> Parts:
    """A device and a circle."""
    body = wire.convert(members, _Placed)
    area = body.area
    circle = Circle(area.center.latitude, area.center.longitude, area.radius)
    return Parts(_device(body.device), body, location=circle)


def claimed(members: Any) -> Parts:
    """A number and what the person says of themself."""
    return _with_claims(members, {"phoneNumber", *_ASKED, *NOT_ASKED})


def aged(members: Any) -> Parts:
    """A number, an age, and claims."""
    known = {
        "phoneNumber",
        *_ASKED,
        "familyNameAtBirth",
        "ageThreshold",
        "includeContentLock",
        "includeParentalControl",
    }
    parts = _with_claims(members, known)
    threshold = parts.body.get("ageThreshold")
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 0 <= threshold <= 120:  # noqa: PLR2004
        raise InvalidRequest("the age is malformed", [Fault("/ageThreshold", "send years, 0 to 120")])
    return parts._replace(age_threshold_years=threshold)


def _with_claims(members: Any, known: set[str]) -> Parts:
    if not isinstance(members, dict) or members.keys() - known:
        raise InvalidRequest("the body is not what this operation takes", [Fault("", "send the members of its schema")])
    given = wire.convert({name: members[name] for name in _ASKED if name in members}, wire.ClaimsIn)
    claims = Claims(**msgspec.structs.asdict(given))
    phone = members.get("phoneNumber")
    if phone is not None and not isinstance(phone, str):
        raise InvalidRequest("the number is malformed", [Fault("/phoneNumber", "send a text")])
    return Parts(_phone(phone), members, claims=claims if claims.given() else None)
