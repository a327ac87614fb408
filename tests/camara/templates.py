"""CAMARA's templates: scenarios for any API, with places to fill in. Each is played with one API that fits it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.camara.places import Group, Place

COMMON = "commonalities"
"""The folder that templates lie in."""


@dataclass(frozen=True)
class Filling:
    """The API to play a template with, and what to write in its places: patterns and their replacements, in order."""

    group: Group
    words: tuple[tuple[str, str], ...]

    def fill(self, text: str) -> str:
        """The template as a feature file of that API."""
        for pattern, word in self.words:
            text = re.sub(pattern, word, text)
        return text


def _about(group: Group, operation: str, *more: tuple[str, str]) -> Filling:
    words = ((r"\{feature_identifier\}", group[0].replace("-", "_")), (r"\{operationId\}", operation), *more)
    return Filling(group, words)


_FENCE = ("geofencing-subscriptions", "wip")
_EVENTS = Filling(
    _FENCE,
    (
        (r"(create|retrieve|delete)<xxx>", r"\1Geofencing"),
        (r"<xxx>", "geofencing"),
        (r"<x>", "0"),
        (r"\{apiroot\}", ""),
    ),
)
_SYNTAX = _about(
    _FENCE,
    "createGeofencingSubscription",
    (r"<requestSchema>", "SubscriptionRequest"),
    (r"\| \{value\} +\|", "| $.sink |"),
)
_OLD: Mapping[str, Filling] = {
    "C01-device-errors": _about(
        ("location-retrieval", "0.5.0"), "retrieveLocation", (r"\{path_to_device\}", "$.device")
    ),
    "C02-phoneNumber-errors": _about(
        ("sim-swap", "2.1.0"), "checkSimSwap", (r"\{path_to_phoneNumber\}", "$.phoneNumber")
    ),
}
_NEW: Mapping[str, Filling] = {
    "C01-device-errors": _about(("location-retrieval", "wip"), "retrieveLocation", (r"\{path_to_device\}", "$.device")),
    "C02-phoneNumber-errors": _about(
        ("kyc-age-verification", "0.3.0-rc.1"), "verifyAge", (r"\{path_to_phoneNumber\}", "$.phoneNumber")
    ),
    "event-subscription-template": _EVENTS,
    "syntax-errors-template": _SYNTAX,
}


def filling_of(place: Place) -> Filling | None:
    """How to play a file, where it is a template that is known; by its name and the release that it lies in."""
    if place.api != COMMON:
        return None
    known = _OLD if place.version.startswith("0.6") else _NEW
    return known.get(place.file.stem)
