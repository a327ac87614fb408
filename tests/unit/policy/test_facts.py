"""The bare facts that gates look at: what each answer tells, excludes, and has failed to say."""

from datetime import timedelta

import msgspec
import pytest

from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    Flag,
    IdentityMatch,
    Observed,
    SignalName,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy.facts import BIT, Facts, bits, facts_of, settled_by_binding, together, unknown_number
from broker.policy.telling import WINDOWS_S, clears, is_known_change
from tests.unit.policy.kit import DAY, NOW, all_classes, evidence, observed

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
SIM, DEVICE, PLACE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION
TENURE, CLAIMS, RECYCLING = SignalName.KYC_TENURE, SignalName.KYC_MATCH, SignalName.NUMBER_RECYCLING
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
NOTHING_COMPARED = IdentityMatch((AttributeMatch("address", Confirmation.AGREES),))
COMPARED = IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, 10),))


def since(days: float, *, continuous: bool) -> Observed:
    """An answer of midnight about the day so many days before."""
    value = Tenure((MIDNIGHT - timedelta(days=days)).date(), continuous)
    return msgspec.structs.replace(observed(TENURE, value), observed_at=MIDNIGHT)


@pytest.mark.parametrize(
    ("signal", "window_s", "expected"),
    [
        (observed(SIM, AgeRange(7 * DAY, None)), 7 * DAY, True),
        (observed(SIM, AgeRange(7 * DAY - 1, None)), 7 * DAY, False),
        (since(30, continuous=True), 30 * DAY, True),
        (since(29, continuous=True), 30 * DAY, False),
        (observed(CLAIMS, COMPARED), 0.0, True),
        (observed(CLAIMS, NOTHING_COMPARED), 0.0, False),
        (observed(RECYCLING, Flag(active=True)), 30 * DAY, True),
    ],
)
def test_an_answer_clears_what_its_window_covers(signal: Observed, window_s: float, expected: bool) -> None:
    other = SignalName.LOCATION  # a window of another signal is none of this one's
    assert clears(signal, {signal.name: window_s, other: 10_000 * DAY}) is expected


@pytest.mark.parametrize("signal", [observed(SIM, AgeRange(0.0, None)), since(0, continuous=True)])
def test_without_a_window_any_answer_clears(signal: Observed) -> None:
    assert clears(signal, {})
    assert clears(signal, {other: DAY for other in SignalName if other is not signal.name})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (SIM, AgeRange(0.0, DAY), True),
        (SIM, AgeRange(DAY, None), False),
        (TENURE, Tenure(MIDNIGHT.date(), continuous=False), True),
        (TENURE, Tenure(MIDNIGHT.date(), continuous=True), False),
        (RECYCLING, Flag(active=True), False),
        (CLAIMS, NOTHING_COMPARED, False),
    ],
)
def test_a_known_change_tells_enough_without_excluding_anything(name: SignalName, value: Value, expected: bool) -> None:
    assert is_known_change(observed(name, value)) is expected


def test_the_windows_grow_with_the_class() -> None:
    assert [WINDOWS_S[one][SIM] / DAY for one in ActionClass] == [1, 3, 7, 7]
    assert [WINDOWS_S[one][DEVICE] / DAY for one in ActionClass] == [1, 3, 7, 7]
    assert [WINDOWS_S[one][TENURE] / DAY for one in ActionClass] == [1, 7, 30, 30]


def test_what_failed_and_what_nobody_offers_is_kept_for_each_signal() -> None:
    parts = [
        facts_of(Unavailable(SIM, Unavailability.TIMEOUT), all_classes().rules(MEDIUM)),
        facts_of(Unavailable(DEVICE, Unavailability.UNSUPPORTED), all_classes().rules(MEDIUM)),
        facts_of(observed(PLACE, observed(PLACE, Flag(active=False)).value), all_classes().rules(MEDIUM)),
    ]
    assert parts[0] == Facts(failed=BIT[SIM])
    assert parts[1] == Facts(unsupported=BIT[DEVICE])
    assert parts[2] == Facts(observed=BIT[PLACE], telling=BIT[PLACE], clearing=BIT[PLACE])
    assert [one.excused for one in parts] == [0, 0, 0], "no signal tells of itself what came before the binding"
    for order in (parts, parts[::-1]):
        assert together(order, [TENURE]) == Facts(
            observed=BIT[PLACE],
            telling=BIT[PLACE],
            clearing=BIT[PLACE],
            failed=BIT[SIM],
            unsupported=BIT[DEVICE],
            excused=BIT[TENURE],
        )
    assert len({BIT[name] for name in SignalName}) == len(SignalName)


@pytest.mark.parametrize(("action_class", "settled"), [(LOW, True), (MEDIUM, True), (HIGH, False), (CRITICAL, False)])
def test_a_change_from_before_the_binding_settles_low_and_medium_alone(
    action_class: ActionClass, settled: bool
) -> None:
    rules = all_classes().rules(action_class)
    facts = Facts.of(evidence(sim_swap="2d", kyc_tenure="2d"), rules)
    assert facts.excused == (0 if action_class is CRITICAL else BIT[SIM])
    assert settled_by_binding(facts, rules) == (bits([SIM]) if action_class <= MEDIUM else 0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"sim_swap": "unknown_subscriber"}, True),
        ({"sim_swap": "400d", "device_swap": "unknown_subscriber"}, True),
        ({"sim_swap": "400d"}, False),
        ({"sim_swap": "timeout"}, False),
        ({}, False),
    ],
)
def test_a_number_of_nobody_is_one_that_its_operator_does_not_know(words: dict[str, str], expected: bool) -> None:
    found: Evidence = evidence(**words)
    assert unknown_number(found) is expected
