"""When a delivery is tried again."""

from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from broker.events.pace import RetryPace, pause_s

STEADY = RetryPace(jitter_share=0.0)


def test_pauses_grow_up_to_a_day_and_end_after_the_last_attempt() -> None:
    pauses = [pause_s(STEADY, attempts, None, Random(1)) for attempts in range(1, 11)]
    assert pauses == [5, 30, 180, 1080, 6480, 38_880, 86_400, 86_400, 86_400, None]


def test_the_receiver_may_ask_for_longer_and_not_for_ever() -> None:
    assert pause_s(STEADY, 1, 600.0, Random(1)) == 600
    assert pause_s(STEADY, 2, 1.0, Random(1)) == 30
    assert pause_s(STEADY, 1, 10.0**9, Random(1)) == 86_400


@given(st.integers(1, 9), st.integers())
def test_chance_moves_a_pause_by_its_share_and_no_more(attempts: int, seed: int) -> None:
    steady = pause_s(STEADY, attempts, None, Random(1)) or 0.0
    jittered = pause_s(msgspec.structs.replace(STEADY, jitter_share=0.2), attempts, None, Random(seed)) or 0.0
    assert 0.8 * steady <= jittered <= 1.2 * steady
