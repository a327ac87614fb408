"""Personal data in clear, for back ends: the grants of a tenant, and what an order brought. Typed and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.client import _members


@dataclass(frozen=True, slots=True)
class Grant:
    """What a tenant's back ends may be told in clear, for one purpose. ``stands`` says whether it permits it now."""

    id: str
    disclosure: str
    purpose: str
    reason: str
    stands: bool
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None
    document: Mapping[str, Any] = field(repr=False, compare=False)


def grant(members: Mapping[str, Any]) -> Grant:
    """Decoded members as a grant.

    Raises:
        AnswerMalformed: a part of the contract is missing.
    """
    return Grant(
        id=_members.text(members, "id"),
        disclosure=_members.text(members, "disclosure"),
        purpose=_members.text(members, "purpose"),
        reason=_members.text(members, "reason"),
        stands=_members.truth(members, "stands"),
        granted_by=_members.text(members, "grantedBy"),
        granted_at=_members.instant(members, "grantedAt"),
        expires_at=_members.instant(members, "expiresAt"),
        withdrawn_by=_members.text_if_any(members, "withdrawnBy"),
        withdrawn_at=_members.instant_if_any(members, "withdrawnAt"),
        document=members,
    )


def grants(members: Mapping[str, Any]) -> tuple[Grant, ...]:
    """Decoded members as the grants of a tenant; raises as :func:`grant`."""
    return tuple(grant(each) for each in _members.parts(members, "grants"))


@dataclass(frozen=True, slots=True)
class Place:
    """``points`` in degrees of latitude and longitude, WGS 84: a centre with a radius, or the corners of a polygon."""

    points: tuple[tuple[float, float], ...]
    age_s: float
    radius_m: float | None


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What was told, or why the operator told nothing: then ``told`` is false, with a ``reason`` and perhaps its code.

    What is personal stays out of ``repr``, and so out of logs.
    """

    id: str
    disclosure: str
    purpose: str
    grant: str
    told: bool
    reason: str | None
    code: str | None
    operator: str | None
    place: Place | None = field(repr=False)
    attributes: Mapping[str, str] | None = field(repr=False)
    document: Mapping[str, Any] = field(repr=False, compare=False)


def disclosed(members: Mapping[str, Any]) -> Disclosed:
    """Decoded members as what an order brought; raises as :func:`grant`."""
    told = _members.truth(members, "told")
    place, attributes = members.get("place"), members.get("attributes")
    return Disclosed(
        id=_members.text(members, "id"),
        disclosure=_members.text(members, "disclosure"),
        purpose=_members.text(members, "purpose"),
        grant=_members.text(members, "grant"),
        told=told,
        reason=_members.text_if_any(members, "reason") if told else _members.text(members, "reason"),
        code=_members.text_if_any(members, "code"),
        operator=_members.text_if_any(members, "operator"),
        place=None if place is None else _place(_members.part(members, "place")),
        attributes=None if attributes is None else _members.texts(members, "attributes"),
        document=members,
    )


def _place(members: Mapping[str, Any]) -> Place:
    points = _members.parts(members, "points")
    return Place(
        points=tuple((_members.number(each, "latitude"), _members.number(each, "longitude")) for each in points),
        age_s=_members.number(members, "ageS"),
        radius_m=None if members.get("radiusM") is None else _members.number(members, "radiusM"),
    )
