"""What a foreign adapter can hand over by mistake, and what of it may pass."""

import math
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.signal import (
    AgeCheck,
    AgeRange,
    AttributeMatch,
    Channel,
    Confirmation,
    DeviceModel,
    Flag,
    Frequency,
    IdentityMatch,
    LineStatus,
    Match,
    NetworkType,
    Observed,
    Overlap,
    Presence,
    Reachability,
    RiskScale,
    RiskScore,
    Roaming,
    ServiceState,
    SignalName,
    SimBinding,
    Source,
    Tenure,
    Unavailability,
    Unavailable,
    Window,
)
from broker.domain.soundness import KINDS, is_sound

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD: dict[SignalName, Any] = {
    SignalName.SIM_SWAP: AgeRange(60.0, None),
    SignalName.DEVICE_SWAP: AgeRange(0.0, 864_000.0),
    SignalName.NUMBER_VERIFICATION: Match(matched=False),
    SignalName.LOCATION: Presence(Overlap.PARTIAL, 5, 600.0),
    SignalName.CALL_FORWARDING: Flag(active=True),
    SignalName.NUMBER_RECYCLING: Flag(active=False),
    SignalName.KYC_TENURE: Tenure(date(2024, 5, 1), continuous=False, began=AgeRange(0.0, 259_200.0)),
    SignalName.KYC_MATCH: IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, 80),)),
    SignalName.ROAMING: Roaming(roaming=True, country_code=208, countries=("FR",), status_age_s=12.0),
    SignalName.REACHABILITY: Reachability(reachable=True, channels=frozenset({Channel.SMS})),
    SignalName.SUBSCRIPTION_STATUS: LineStatus(ServiceState.ACTIVE, ServiceState.SUSPENDED, ServiceState.THROTTLED),
    SignalName.KYC_AGE: AgeCheck(18, reached=True, identity_score=0),
    SignalName.NETWORK_TYPE: NetworkType(5, 0.0),
    SignalName.DEVICE_IDENTITY: DeviceModel("35209900", "X", None, 4.5),
    SignalName.FREQUENT_LOCATION: Frequency(100),
    SignalName.CUSTOMER_INSIGHTS: RiskScore(RiskScale.VERITAS, 3),
    SignalName.SIM_BINDING: SimBinding(to_device=True, to_area=False),
}


def seen(name: SignalName, value: Any, **changes: Any) -> Observed:
    given: dict[str, Any] = {"observed_at": NOON, "source": Source("alba", "sim-swap", "2.1.0")}
    return Observed(name, value, **{**given, **changes})


def test_every_signal_has_one_kind() -> None:
    assert set(KINDS) == set(SignalName) == set(GOOD)


@pytest.mark.parametrize("name", SignalName)
def test_what_the_kit_gives_passes(name: SignalName) -> None:
    assert is_sound(seen(name, GOOD[name], window=Window(60.0)), name)
    assert is_sound(Unavailable(name, Unavailability.TIMEOUT, "DEADLINE"), name)


@pytest.mark.parametrize("name", SignalName)
@pytest.mark.parametrize("other", SignalName)
def test_a_value_of_another_kind_does_not(name: SignalName, other: SignalName) -> None:
    assert is_sound(seen(name, GOOD[other]), name) is (KINDS[name] is KINDS[other])
    assert is_sound(seen(other, GOOD[other]), name) is (name is other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SignalName.SIM_SWAP, AgeRange(math.nan, None)),
        (SignalName.SIM_SWAP, AgeRange(0.0, math.inf)),
        (SignalName.SIM_SWAP, AgeRange(-1.0, None)),
        (SignalName.SIM_SWAP, AgeRange(10.0, 5.0)),
        (SignalName.SIM_SWAP, AgeRange("3600", None)),  # type: ignore[arg-type]
        (SignalName.SIM_SWAP, AgeRange(None, None)),  # type: ignore[arg-type]
        (SignalName.SIM_SWAP, False),
        (SignalName.SIM_SWAP, None),
        (SignalName.SIM_SWAP, {"at_least_s": 1.0}),
        (SignalName.NUMBER_VERIFICATION, Match("false")),  # type: ignore[arg-type]
        (SignalName.NUMBER_VERIFICATION, Match(1)),  # type: ignore[arg-type]
        (SignalName.CALL_FORWARDING, Flag(None)),  # type: ignore[arg-type]
        (SignalName.LOCATION, Presence("inside", 5)),  # type: ignore[arg-type]
        (SignalName.LOCATION, Presence(Overlap.INSIDE, 5)),
        (SignalName.LOCATION, Presence(Overlap.PARTIAL, 0)),
        (SignalName.LOCATION, Presence(Overlap.PARTIAL, 100)),
        (SignalName.LOCATION, Presence(Overlap.INSIDE, None, -1.0)),
        (SignalName.LOCATION, Presence(Overlap.INSIDE, None, math.nan)),
        (SignalName.KYC_TENURE, Tenure("2024-05-01", continuous=True)),  # type: ignore[arg-type]
        (SignalName.KYC_TENURE, Tenure(date(2024, 5, 1), continuous=True, began=AgeRange(5.0, 1.0))),
        (SignalName.KYC_MATCH, IdentityMatch(())),
        (SignalName.KYC_MATCH, IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, 101),))),
        (SignalName.KYC_AGE, AgeCheck(18, reached=True, identity_score=-1)),
        (SignalName.FREQUENT_LOCATION, Frequency(101)),
        (SignalName.FREQUENT_LOCATION, Frequency(score=True)),
        (SignalName.NETWORK_TYPE, NetworkType(6, 0.0)),
        (SignalName.NETWORK_TYPE, NetworkType(4, -1.0)),
        (SignalName.ROAMING, Roaming(roaming=False, status_age_s=-1.0)),
        (SignalName.REACHABILITY, Reachability(reachable=False, status_age_s=math.inf)),
        (SignalName.DEVICE_IDENTITY, DeviceModel("1", checked_age_s=-0.1)),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_does_not(name: SignalName, value: Any) -> None:
    assert not is_sound(seen(name, value), name)


@pytest.mark.parametrize(
    "changes",
    [
        {"observed_at": datetime(2026, 11, 22, 12)},  # noqa: DTZ001 - that is the point
        {"observed_at": "2026-11-22T12:00:00Z"},
        {"window": Window(0.0)},
        {"window": Window(-5.0)},
        {"window": Window(math.inf)},
        {"window": 86_400.0},
        {"latency_ms": math.nan},
        {"latency_ms": -1.0},
        {"source": None},
    ],
)
def test_nor_does_one_whose_surroundings_are_wrong(changes: dict[str, Any]) -> None:
    assert not is_sound(seen(SignalName.SIM_SWAP, AgeRange(1.0, 1.0), **changes), SignalName.SIM_SWAP)


@pytest.mark.parametrize("answer", [None, True, "clean", Flag(active=False), {}, Unavailable("sim_swap", "because")])  # type: ignore[arg-type]
def test_what_is_no_signal_is_none(answer: object) -> None:
    assert not is_sound(answer, SignalName.SIM_SWAP)


@settings(deadline=None)
@given(st.sampled_from(SignalName), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_value_whatever_raises(name: SignalName, value: Any) -> None:
    assert not is_sound(seen(name, value), name)
    for field in msgspec.structs.fields(type(GOOD[name])):
        is_sound(seen(name, msgspec.structs.replace(GOOD[name], **{field.name: value})), name)
