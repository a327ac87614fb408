"""Circles on the Earth: how far apart, and how much of one lies in the other."""

import math

EARTH_RADIUS_M = 6_371_008.8


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance in metres between two points in degrees (haversine; good to half a percent)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half_d_phi = (other_phi - phi) / 2
    half_d_lambda = math.radians(other_longitude - longitude) / 2
    chord = math.sin(half_d_phi) ** 2 + math.cos(phi) * math.cos(other_phi) * math.sin(half_d_lambda) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, chord)))


def share_inside(radius_m: float, within_m: float, apart_m: float) -> float:
    """Share (0 to 1) of a circle of ``radius_m`` that lies in one of ``within_m`` whose centre is ``apart_m`` away.

    The circles are taken as flat, which at the 200 km that the APIs allow is exact enough for a whole percent.
    """
    if apart_m >= radius_m + within_m:
        return 0.0
    if apart_m + radius_m <= within_m:
        return 1.0
    if apart_m + within_m <= radius_m:
        return (within_m / radius_m) ** 2
    return _lens_m2(radius_m, within_m, apart_m) / (math.pi * radius_m**2)


def _lens_m2(first_m: float, second_m: float, apart_m: float) -> float:
    """Area common to two circles that cut each other: a circular segment of each."""
    return _segment_m2(first_m, second_m, apart_m) + _segment_m2(second_m, first_m, apart_m)


def _segment_m2(radius_m: float, other_m: float, apart_m: float) -> float:
    to_chord_m = (apart_m**2 + radius_m**2 - other_m**2) / (2 * apart_m)
    half_angle = math.acos(max(-1.0, min(1.0, to_chord_m / radius_m)))
    return radius_m**2 * (half_angle - math.sin(2 * half_angle) / 2)
