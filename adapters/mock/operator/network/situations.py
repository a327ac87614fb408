"""The magic numbers: what the last six digits of a sandbox number mean, as data.

A number of the sandbox is the operator's prefix, zeros, and one of these endings. Instants are counted back from the
start (or the last reset) of the operator; from then on everything ages by the network's clock.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adapters.mock.operator.faults import (
    DuplicateMembers,
    Fault,
    FutureDate,
    Hang,
    Html,
    Latency,
    Malformed,
    Oversized,
    Status,
    TooMany,
    WrongType,
)
from adapters.mock.operator.network.events import (
    Activation,
    Consent,
    Contract,
    Detached,
    DeviceChange,
    Event,
    Forwarding,
    Identity,
    Locks,
    Messages,
    NetworkType,
    OwnershipChange,
    Reach,
    Roaming,
    Score,
    Service,
    SimChange,
    Subscription,
    Ties,
)
from adapters.mock.operator.network.person import Person
from adapters.mock.operator.profile import SwapRetention

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
YEAR_S = 365 * DAY_S


class Whereabouts(StrEnum):
    """Where a sandbox subscriber is, in the words of the profile's geography."""

    HOME = "home"
    EDGE = "edge"
    """At home, in a cell so large that it sticks out of any modest circle around home."""
    ELSEWHERE = "elsewhere"
    MOVED = "moved"
    """At home for six days, and elsewhere for the 24 days before."""
    UNKNOWN = "unknown"


class Past(msgspec.Struct, frozen=True):
    """An event, ``ago_s`` seconds before the start."""

    ago_s: float
    event: Event


class Answering(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How a person answers a question on the phone, ``after_s`` seconds later. Who has none does not answer."""

    approves: bool = True
    after_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0


BOTH_SCALES: tuple[Literal["gaugeMetric", "veritasIndex"], ...] = ("gaugeMetric", "veritasIndex")

HOLDER = Person(
    id_document="66666666Q",
    id_document_type="national_id_card",
    id_document_expiry_date=date(2031, 5, 17),
    name="Alma Serrano Vidal",
    given_name="Alma",
    family_name="Serrano Vidal",
    middle_names="Inés",
    family_name_at_birth="Serrano",
    address="Calle de la Luna 7, 28004 Madrid",
    street_name="Calle de la Luna",
    street_number="7",
    postal_code="28004",
    region="Madrid",
    locality="Madrid",
    country="ES",
    house_number_extension="3B",
    birthdate=date(1987, 3, 14),
    email="alma@serrano.example",
    gender="FEMALE",
    city_of_birth="Zaragoza",
    country_of_birth="ES",
    nationality="ES",
)
"""Who holds the sandbox numbers, unless said otherwise."""
SUCCESSOR = Person(
    name="Bruno Lamas Ortega", given_name="Bruno", family_name="Lamas Ortega", birthdate=date(1994, 11, 2)
)
MINOR = Person(name="Clara Serrano Pons", given_name="Clara", family_name="Serrano Pons", birthdate=date(2014, 8, 30))

OLD_LINE = (
    Past(4 * YEAR_S, Activation()),
    Past(4 * YEAR_S, Identity(HOLDER)),
    Past(4 * YEAR_S, Contract("PAYM")),
    Past(4 * YEAR_S, Locks(content=False, parental=False)),
    Past(YEAR_S, Score(700, BOTH_SCALES)),
    Past(2 * YEAR_S, DeviceChange()),
)
"""An ordinary line: four years old, in the same device for two."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is true about a sandbox number.

    ``retention`` replaces the operator's own; ``sim_of`` is the ending of the number whose SIM really answers when an
    operator token is fetched for this one; ``fault`` is how every API answers about it; ``answering`` is how its holder
    answers a question on the phone.
    """

    ending: str
    summary: str
    history: tuple[Past, ...] = OLD_LINE
    whereabouts: Whereabouts = Whereabouts.HOME
    retention: SwapRetention | None = None
    sim_of: str | None = None
    fault: Fault | None = None
    answering: Answering | None = None


def _old(ending: str, summary: str, *since: Past) -> Situation:
    """An ordinary line to which something happened."""
    return Situation(ending=ending, summary=summary, history=(*OLD_LINE, *since))


SITUATIONS = (
    Situation(ending="000101", summary="steady: nothing changed for years, at home"),
    Situation(ending="000102", summary="SIM swapped 3 hours ago", history=(*OLD_LINE, Past(3 * HOUR_S, SimChange()))),
    Situation(ending="000103", summary="SIM swapped 3 days ago", history=(*OLD_LINE, Past(3 * DAY_S, SimChange()))),
    Situation(
        ending="000104", summary="location elsewhere, hundreds of kilometres away", whereabouts=Whereabouts.ELSEWHERE
    ),
    Situation(
        ending="000105", summary="location PARTIAL: at home, in a cell of 20 km radius", whereabouts=Whereabouts.EDGE
    ),
    Situation(
        ending="000106",
        summary="swap date withheld: null with monitoredPeriod (30 days, where the version has it)",
        retention=SwapRetention(hours=30 * 24, disclosed=True),
    ),
    Situation(
        ending="000107",
        summary="swap date withheld: null without monitoredPeriod, so the covered period is unknown",
        retention=SwapRetention(hours=30 * 24, disclosed=False),
    ),
    Situation(
        ending="000108",
        summary="service not applicable to this line",
        history=(*OLD_LINE, Past(YEAR_S, Service(applicable=False))),
    ),
    Situation(
        ending="000109",
        summary="consent missing: 403 PERMISSION_DENIED, and invalid_grant for JWT bearer",
        history=(*OLD_LINE, Past(YEAR_S, Consent(granted=False))),
    ),
    Situation(ending="000110", summary="the device cannot be located", whereabouts=Whereabouts.UNKNOWN),
    Situation(
        ending="000111", summary="its operator token belongs to another SIM: verification is false", sim_of="000101"
    ),
    Situation(
        ending="000112",
        summary="unconditional call forwarding since an hour ago",
        history=(*OLD_LINE, Past(HOUR_S, Forwarding(active=True))),
    ),
    Situation(ending="000113", summary="device changed yesterday", history=(*OLD_LINE, Past(DAY_S, DeviceChange()))),
    Situation(
        ending="000114",
        summary="SIM and device changed 2 hours ago",
        history=(*OLD_LINE, Past(2 * HOUR_S, SimChange()), Past(2 * HOUR_S, DeviceChange())),
    ),
    Situation(
        ending="000115",
        summary="location stale: at home, out of the network for 3 days",
        history=(*OLD_LINE, Past(3 * DAY_S, Detached())),
    ),
    Situation(ending="000116", summary="number without any SIM yet", history=(), whereabouts=Whereabouts.UNKNOWN),
    Situation(
        ending="000117",
        summary="new line, activated yesterday: a recent date that is no takeover",
        history=(Past(DAY_S, Activation()), Past(DAY_S, Identity(SUCCESSOR))),
    ),
    Situation(
        ending="000118",
        summary="conditional call forwarding only (voicemail)",
        history=(*OLD_LINE, Past(YEAR_S, Forwarding(active=True, kind="conditional_no_answer"))),
    ),
    Situation(
        ending="000119",
        summary="number given to another person 10 days ago",
        history=(*OLD_LINE, Past(10 * DAY_S, OwnershipChange()), Past(10 * DAY_S, Identity(SUCCESSOR))),
    ),
    _old("000120", "abroad, in France since 2 days", Past(2 * DAY_S, Roaming(active=True, mcc=208, countries=("FR",)))),
    _old("000121", "abroad since 2 days, the country withheld", Past(2 * DAY_S, Roaming(active=True))),
    _old("000122", "reachable by text message only", Past(HOUR_S, Reach(data=False))),
    _old("000123", "on a 2G network since an hour", Past(HOUR_S, NetworkType("2G"))),
    Situation(
        ending="000124",
        summary="prepaid and anonymous: nobody on record, no score",
        history=(Past(4 * YEAR_S, Activation()), Past(4 * YEAR_S, Contract("PAYG"))),
    ),
    _old(
        "000125",
        "half suspended: nothing goes out, data throttled",
        Past(DAY_S, Subscription(voice_sms_out="suspended", data="throttled")),
    ),
    _old(
        "000126",
        "held by a minor, with content lock and parental control",
        Past(YEAR_S, Identity(MINOR)),
        Past(YEAR_S, Locks(content=True, parental=True)),
    ),
    _old("000127", "text messages barred by the subscriber", Past(DAY_S, Messages("barred"))),
    _old("000128", "cannot get text messages at all", Past(DAY_S, Messages("impossible"))),
    _old("000129", "ported in 5 days ago: tenure begins anew, the holder stays", Past(5 * DAY_S, SimChange("port_in"))),
    Situation(ending="000130", summary="moved: at home for 6 of the last 30 days", whereabouts=Whereabouts.MOVED),
    _old("000131", "consent expired yesterday", Past(31 * DAY_S, Consent(granted=True, valid_s=30 * DAY_S))),
    _old("000132", "objected to the processing of data", Past(DAY_S, Consent(granted=False, reason="OBJECTED"))),
    _old(
        "000133",
        "compared only with the identity document first",
        Past(YEAR_S, Identity(HOLDER, document_first=True)),
    ),
    _old("000134", "high risk score: 380 of 850", Past(DAY_S, Score(380, BOTH_SCALES))),
    _old("000135", "SIM tied to its device and its area", Past(DAY_S, Ties(device=True, area=True))),
    Situation(
        ending="000151",
        summary="consent missing, and given when asked on the phone",
        history=(*OLD_LINE, Past(YEAR_S, Consent(granted=False))),
        answering=Answering(),
    ),
    Situation(
        ending="000152",
        summary="consent missing, and refused when asked on the phone",
        history=(*OLD_LINE, Past(YEAR_S, Consent(granted=False, reason="DENIED"))),
        answering=Answering(approves=False),
    ),
    Situation(
        ending="000153",
        summary="consent missing, and given 30 seconds after being asked on the phone",
        history=(*OLD_LINE, Past(YEAR_S, Consent(granted=False))),
        answering=Answering(after_s=30),
    ),
    Situation(ending="000201", summary="slow: 3 seconds", fault=Latency(3000)),
    Situation(ending="000202", summary="hang: no answer", fault=Hang()),
    Situation(ending="000203", summary="500 INTERNAL", fault=Status(500)),
    Situation(ending="000204", summary="503 UNAVAILABLE", fault=Status(503)),
    Situation(ending="000205", summary="429 TOO_MANY_REQUESTS", fault=TooMany("TOO_MANY_REQUESTS")),
    Situation(ending="000206", summary="429 QUOTA_EXCEEDED", fault=TooMany("QUOTA_EXCEEDED")),
    Situation(ending="000207", summary="malformed JSON", fault=Malformed()),
    Situation(ending="000208", summary="oversized body: 8 MiB", fault=Oversized()),
    Situation(ending="000209", summary="wrong types: booleans as strings, dates without zone", fault=WrongType()),
    Situation(ending="000210", summary="duplicate members that contradict each other", fault=DuplicateMembers()),
    Situation(ending="000211", summary="HTML error page", fault=Html()),
    Situation(ending="000212", summary="dates in the future", fault=FutureDate()),
)
"""Every other ending, 000404 for one, is nobody: 404."""
