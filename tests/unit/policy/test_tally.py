import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.decision import Outcome
from broker.policy.tally import (
    EXAMPLES_MAX,
    GROUPS_MAX,
    OTHERS,
    Comparison,
    Tally,
    cost_interval,
    share_interval,
    total,
)

outcomes = st.sampled_from(Outcome)
comparisons = st.builds(
    Comparison,
    check_id=st.text("abc", min_size=1, max_size=3),
    consumer=st.sampled_from(["shop", "desk"]),
    agent=st.sampled_from([None, "till"]),
    action_type=st.sampled_from(["pay", "reset"]),
    decided=outcomes,
    candidate=outcomes,
    cost=st.integers(0, 8).map(lambda n: n / 8),
    cost_change=st.integers(-8, 8).map(lambda n: n / 8),
    unanswered=st.integers(0, 2),
    unneeded=st.integers(0, 2),
)


def counted(comparisons_: list[Comparison]) -> Tally:
    tally = Tally()
    for one in comparisons_:
        tally.count(one)
    return tally


def plain(tally: Tally) -> object:
    groups = sorted(tally.groups, key=lambda one: (one.consumer, one.agent or "", one.action_type))
    return msgspec.structs.replace(tally, groups=groups, examples=sorted(tally.examples))


@given(st.lists(comparisons, max_size=15), st.integers(0, 15))
def test_counts_of_two_nodes_add_up_to_those_of_one(given_: list[Comparison], cut: int) -> None:
    nodes = [counted(given_[:cut]), counted(given_[cut:])]
    stored = [msgspec.json.decode(msgspec.json.encode(one), type=Tally) for one in nodes]
    assert plain(total(stored)) == plain(counted(given_))


@given(st.lists(comparisons, max_size=15))
def test_what_changed_is_counted_once_in_every_breakdown(given_: list[Comparison]) -> None:
    tally = counted(given_)
    changed = sum(one.decided is not one.candidate for one in given_)
    assert tally.looser + tally.stricter == changed == sum(tally.moves.values())
    assert sum(one.looser + one.stricter for one in tally.groups) == changed
    assert sum(one.checks for one in tally.groups) == len(given_)


def a_comparison(number: int = 0) -> Comparison:
    return Comparison(f"chk_{number}", f"shop{number}", None, "pay", Outcome.DENY, Outcome.REVIEW, 0.1, 0.01, 0, 0)


def test_groups_and_examples_are_bounded_and_nothing_is_lost() -> None:
    tally = counted([a_comparison(number) for number in range(GROUPS_MAX + 7)])
    assert (len(tally.groups), len(tally.examples)) == (GROUPS_MAX, EXAMPLES_MAX)
    assert (tally.groups[-1].consumer, sum(one.checks for one in tally.groups)) == (OTHERS, GROUPS_MAX + 7)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_of_a_share_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    """The last row is Newcombe's (1998) worked example, method 3."""
    assert share_interval(part, whole) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_a_cost_is_the_paired_one_and_needs_thirty() -> None:
    assert cost_interval(counted([a_comparison()] * 29)) is None
    costs = [0.0, 0.3] * 20
    tally = counted([msgspec.structs.replace(a_comparison(), cost_change=cost) for cost in costs])
    half = 1.959964 * math.sqrt(0.15**2 * 40 / 39 / 40)
    assert cost_interval(tally) == pytest.approx((0.15 - half, 0.15 + half), rel=1e-6)
