"""Which version is in force when, as a law over any history of approvals."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.governance import (
    ChangeKind,
    ChangeState,
    PolicyChange,
    Stop,
    StopKind,
    in_force,
    next_ms,
    reached_ms,
)


def a_change(place: int | None, effective_ms: int | None, **changes: object) -> PolicyChange:
    change = PolicyChange(
        tenant="acme",
        change_id=f"pch_{place}",
        policy_id="payment",
        version=1 if place is None else place,
        base_version=None,
        kind=ChangeKind.PUBLISH,
        direction="looser",
        state=ChangeState.PENDING if place is None else ChangeState.APPROVED,
        requested_by="ana",
        requested_ms=0,
        effective_ms=effective_ms,
        place=place,
    )
    return msgspec.structs.replace(change, **changes)


histories = st.lists(st.integers(0, 100), max_size=8).map(
    lambda instants: [a_change(place, at) for place, at in enumerate(instants)]
)


@given(histories, st.integers(0, 100), st.randoms())
def test_of_those_whose_instant_has_come_the_one_approved_last_is_in_force(
    history: list[PolicyChange], now_ms: int, random: object
) -> None:
    come = [one for one in history if (one.effective_ms or 0) <= now_ms]
    shuffled = list(history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = in_force(shuffled, now_ms)
    assert found == ({"payment": come[-1]} if come else {})


@given(histories, st.integers(0, 100))
def test_nothing_changes_before_the_instant_that_is_told(history: list[PolicyChange], now_ms: int) -> None:
    then = next_ms(history, now_ms)
    for instant in range(now_ms, 101 if then is None else then):
        assert in_force(history, instant) == in_force(history, now_ms)


def test_pending_and_withdrawn_changes_are_in_force_never() -> None:
    history = [a_change(None, None), a_change(3, 0, state=ChangeState.WITHDRAWN)]
    assert (in_force(history, 10), next_ms(history, 0)) == ({}, None)


@given(histories, st.integers(0, 100), st.integers(0, 100))
def test_a_clock_that_is_put_back_brings_back_nothing(history: list[PolicyChange], now_ms: int, back_ms: int) -> None:
    """What was published at once stays in force; what waits out its delay waits on."""
    published = [msgspec.structs.replace(one, decided_ms=one.effective_ms) for one in history]
    seen = [one for one in published if (one.effective_ms or 0) <= now_ms]
    waiting = a_change(len(history), 200, decided_ms=now_ms)
    at_ms = reached_ms([*seen, waiting], now_ms - back_ms)
    assert in_force([*seen, waiting], at_ms) == in_force(seen, now_ms)
    assert reached_ms(seen, now_ms) == now_ms


def a_stop(kind: StopKind, value: str, **changes: object) -> Stop:
    stop = Stop(tenant="acme", stop_id="s", kind=kind, value=value, reason="x", stopped_by="ana", stopped_ms=0)
    return msgspec.structs.replace(stop, **changes)


def test_a_stop_covers_what_it_names_and_nothing_else() -> None:
    def covered(kind: StopKind, value: str, **changes: object) -> bool:
        return a_stop(kind, value, **changes).covers(agent="till", action_type="pay", policy_id="payment")

    assert covered(StopKind.TENANT, "")
    for kind, value in ((StopKind.AGENT, "till"), (StopKind.ACTION, "pay"), (StopKind.POLICY, "payment")):
        assert covered(kind, value)
        assert not covered(kind, f"{value}s")
        assert not covered(kind, value, resumed_ms=1)


def test_a_stop_of_an_agent_does_not_cover_who_has_none() -> None:
    assert not a_stop(StopKind.AGENT, "till").covers(agent=None, action_type="pay", policy_id="payment")


def test_a_stop_takes_back_all_that_was_allowed_until_somebody_resumed_it() -> None:
    """A node may allow for a moment after a stop that it has not heard of; resuming does not make that good."""

    def taken(given_ms: int, resumed_ms: int | None) -> bool:
        stop = a_stop(StopKind.AGENT, "till", stopped_ms=100, resumed_ms=resumed_ms)
        assert not stop.takes_back(given_ms, agent="other", action_type="pay", policy_id="payment")
        return stop.takes_back(given_ms, agent="till", action_type="pay", policy_id="payment")

    assert [taken(given_ms, None) for given_ms in (1, 100, 101, 10**6)] == [True] * 4
    assert [taken(given_ms, 200) for given_ms in (1, 100, 101, 200, 201)] == [True, True, True, True, False]
