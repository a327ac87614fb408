"""R23 and R26: thousands of damaged answers; each is refused with a type, or means what a second parser reads in it."""

import json
import resource
from datetime import date, datetime
from random import Random
from typing import Any

import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara import SIGNALS
from broker.adapter_kit.camara.line import ApiLine, Reading
from broker.adapter_kit.oauth import Flow
from broker.domain.check import Claims
from broker.domain.signal import AgeRange, Observed, Source
from broker.domain.soundness import is_sound
from tests.support.clocks import NOON
from tests.unit.adapter_kit.pretend import MADRID, PretendOperator, ok, query

NEWLY = "2026-11-22T11:59:00Z"

MUTATIONS = 1500
PROVEN = 56_000
"""For each of the eighteen APIs: a million in all."""
MEMORY_GROWTH_MAX_KB = 50 * 1024
VALUES: list[Any] = [
    None,
    True,
    False,
    "true",
    0,
    -1,
    1e308,
    "",
    [],
    {},
    "2026-11-22T09:00:00",
    "9999-12-31T23:59:59Z",
    "1900-01-01",
]
SPLINTERS = [
    b'"',
    b",",
    b"{",
    b"}",
    b"null",
    b"\xff",
    b"\x00",
    b'"latestSimChange":null,',
    b"9",
    b"-",
    b" ",
    b"NaN",
    b"\\u0000",
]


def mutated(body: dict[str, Any], random: Random) -> bytes:
    """A member replaced by another type, or bytes cut, doubled, changed or put in."""
    if random.random() < 0.3:
        return json.dumps(body | {random.choice([*body]): random.choice(VALUES)}).encode()
    raw = json.dumps(body).encode()
    for _ in range(random.randint(1, 3)):
        start = random.randrange(len(raw) + 1)
        end = min(len(raw), start + random.randint(0, 6))
        middle = random.choice([b"", raw[start:end] * 2, bytes([random.randrange(256)]), random.choice(SPLINTERS)])
        raw = raw[:start] + middle + raw[end:]
    return raw


def largest_kb() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def second_opinion(raw: bytes, member: str | None) -> object:
    """What the standard library reads there, if it reads anything; a member that comes twice is nothing to read."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), "a duplicate member was believed"
        return dict(pairs)

    found = json.loads(raw, object_pairs_hook=once)
    assert isinstance(found, dict)
    return found if member is None else found[member]


@pytest.mark.parametrize(
    ("api", "version", "member"),
    [("sim-swap", "2.1.0", "latestSimChange"), ("device-swap", "1.0.0", "latestDeviceChange")],
)
async def test_a_damaged_answer_never_crashes_and_never_looks_clean(api: str, version: str, member: str) -> None:
    random = Random(23)
    read = 0
    for _ in range(MUTATIONS):
        raw = mutated({member: "2026-11-22T09:00:00Z", "monitoredPeriod": 120}, random)
        operator = PretendOperator()
        operator.on(f"/{api}/retrieve-date", ok(raw))
        bound = operator.bind(api, version)
        try:
            reading: Reading = await bound.version.ask(ApiLine(bound, query(SIGNALS[api])))
        except OperatorFault:
            continue
        read += 1
        told = second_opinion(raw, member)
        assert isinstance(reading.value, AgeRange)
        if told is None:
            assert isinstance(second_opinion(raw, "monitoredPeriod"), int)
            assert reading.value.at_most_s is None
        else:
            assert isinstance(told, str), raw
            age_s = max(0.0, (NOON - datetime.fromisoformat(told.upper())).total_seconds())
            assert reading.value.at_least_s <= age_s + 1, raw
    assert 0 < read < MUTATIONS / 2  # else the mutations were too harmless, or never were


# One good answer for each API, at the newest release of the table; the suite of adapters plays the others' shapes.
GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "sim-swap": ("2.1.0", {"latestSimChange": "2026-11-22T09:00:00Z", "monitoredPeriod": 120}),
    "device-swap": ("1.0.0", {"latestDeviceChange": "2026-11-22T09:00:00Z", "monitoredPeriod": 120}),
    "call-forwarding-signal": ("0.4.0", {"active": False}),
    "location-verification": ("3.0.0", {"verificationResult": "PARTIAL", "matchRate": 74, "lastLocationTime": NEWLY}),
    "number-verification": ("2.1.0", {"devicePhoneNumberVerified": True}),
    "number-recycling": ("0.2.0", {"phoneNumberRecycled": False}),
    "kyc-tenure": ("0.2.0", {"tenureDateCheck": True, "contractType": "PAYM"}),
    "kyc-match": ("0.4.0", {"nameMatch": "false", "nameMatchScore": 80}),
    "device-roaming-status": ("1.1.0", {"roaming": False, "lastStatusTime": NEWLY}),
    "device-reachability-status": (
        "1.1.0",
        {"reachable": True, "connectivity": ["DATA"], "lastStatusTime": NEWLY},
    ),
    "connected-network-type": ("0.2.0", {"connectedNetworkType": "4G", "lastStatusTime": NEWLY}),
    "device-status": ("0.5.1", {"roaming": False, "countryCode": 214, "countryName": ["ES"]}),
    "subscription-status": ("0.1.0", {"voiceSmsIn": "active", "voiceSmsOut": "active", "dataService": "active"}),
    "kyc-age-verification": ("0.2.1", {"ageCheck": "true", "verifiedStatus": True, "identityMatchScore": 90}),
    "device-identifier": ("0.3.0", {"tac": "35847612", "lastChecked": NEWLY, "model": "X"}),
    "most-frequent-location": ("0.2.0", {"score": 90}),
    "customer-insights": ("0.2.0", {"scoringType": "gaugeMetric", "scoringValue": 800}),
    "iot-sim-fraud-prevention": (
        "0.1.0",
        {"imeiBind": {"bindStatus": "BOUND"}, "areaLimit": {"areaLimitStatus": "UNRESTRICTED"}},
    ),
}


def test_every_api_that_gives_a_signal_is_mutated() -> None:
    assert GOOD.keys() == SIGNALS.keys()


EVERYTHING: dict[str, Any] = {
    "location": MADRID,
    "operator_token": "ot-1",
    "bound_since": date(2024, 5, 1),
    "claims": Claims(name="Ana"),
    "age_threshold_years": 18,
}


@pytest.mark.parametrize("mutations", [120, pytest.param(PROVEN, marks=[pytest.mark.proof, pytest.mark.timeout(1800)])])
@pytest.mark.parametrize("api", GOOD)
async def test_no_api_crashes_on_damage_or_believes_what_others_refuse(api: str, mutations: int) -> None:
    version, body = GOOD[api]
    random, believed, before_kb = Random(26), 0, largest_kb()
    for turn in range(mutations):
        raw = mutated(body, random) if turn else json.dumps(body).encode()
        operator = PretendOperator()
        operator.elsewhere = [ok(raw)]
        flow = Flow.JWT_BEARER_OPERATOR_TOKEN if api == "number-verification" else Flow.CLIENT_CREDENTIALS
        bound = operator.bind(api, version, flow)
        try:
            reading = await bound.version.ask(ApiLine(bound, query(SIGNALS[api], **EVERYTHING)))
        except OperatorFault:
            if not turn:  # the answer as it should be
                raise
            continue
        believed += 1
        assert is_sound(Observed(SIGNALS[api], reading.value, NOON, Source("alba", api, version)), SIGNALS[api])
        second_opinion(raw, None)
    assert 0 < believed < mutations
    assert largest_kb() - before_kb < MEMORY_GROWTH_MAX_KB
