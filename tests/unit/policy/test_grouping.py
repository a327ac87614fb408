"""Sums of evidence: what is scaled, shared out and capped adds up, and the quick sum is the same to the last bit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.signal import SignalName
from broker.policy.grouping import Item, on_grid, shared_out, total

SIM, DEVICE, PLACE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION
NAMES = tuple(SignalName)
WIDE = {"total_low": 100.0, "total_high": 100.0}


def test_a_scaled_item_scales_its_shares_and_stays_in_its_group() -> None:
    item = Item.of("line", (SIM, 1.0), (DEVICE, 2.0), (PLACE, -0.5))
    assert item.nats == 2.5
    assert item.scaled(0.5) == Item("line", ((SIM, 0.5), (DEVICE, 1.0), (PLACE, -0.25)), 1.25)


def test_the_grid_is_as_fine_as_it_is_said_to_be() -> None:
    assert [on_grid(2.0**-30), on_grid(2.0**-31), on_grid(-(2.0**-30))] == [2.0**-30, 0.0, -(2.0**-30)]


def test_what_one_signal_says_twice_adds_up() -> None:
    assert shared_out([Item.of("a", (SIM, 1.0)), Item.of("b", (SIM, 2.0))], {"a": 0.5, "b": 0.5}, **WIDE) == {SIM: 3.0}


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([], 0.0),
        ([("a", 4.0)], 4.0),
        ([("a", 4.0), ("a", 2.0), ("a", 2.0)], 4.0 + 1.0 + 0.5),
        ([("a", 2.0), ("b", 4.0)], 6.0),
        ([("a", 4.0), ("a", -2.0)], 2.0),
        ([("a", -1.0), ("a", -0.5), ("a", -0.5)], -1.0 - 0.25 - 0.125),
        ([("a", 9.0), ("b", 9.0)], 8.0),
        ([("a", -9.0)], -3.0),
        ([("a", -3.0)], -3.0),
        ([("a", 0.0)], 0.0),
    ],
)
def test_the_quick_sum(amounts: list[tuple[str, float]], expected: float) -> None:
    assert total(amounts, {"a": 0.5, "b": 0.5}, total_low=3.0, total_high=8.0) == expected


def test_the_least_contributions_are_taken_off_first_and_none_below_nothing() -> None:
    items = [Item.of(name.value, (name, nats)) for name, nats in zip(NAMES, (3.0, 0.25, 0.5, -0.75), strict=False)]
    found = shared_out(items, {name.value: 0.5 for name in NAMES}, total_low=1.0, total_high=2.5)
    assert [found[name] for name in NAMES[:4]] == [3.0, 0.0, 0.25, -0.75]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.floats(-6, 6), min_size=1, max_size=2)), max_size=6),
    st.floats(0, 1),
    st.floats(0.5, 12),
    st.floats(0.5, 12),
)
@settings(max_examples=300, deadline=None)
def test_the_shares_add_up_to_the_quick_sum(
    pieces: list[tuple[str, list[float]]], discount: float, low: float, high: float
) -> None:
    names = iter(NAMES * 2)
    items = [Item.of(group, *((next(names), on_grid(nats)) for nats in found)) for group, found in pieces]
    caps = {"total_low": on_grid(low), "total_high": on_grid(high)}
    discounts = {"a": discount, "b": discount / 2}
    shares = shared_out(items, discounts, **caps)
    assert sum(shares.values()) == total([(one.group, one.nats) for one in items], discounts, **caps)
