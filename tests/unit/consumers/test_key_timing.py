"""Comparing keys takes the same time wherever they differ (threat T3): Welch's t-test, as dudect does it."""

import secrets
import statistics
import time
from random import Random

import pytest

from broker.consumers import keys

SAMPLES, T_MAX = 20_000, 4.5
SEALING = bytes(range(32))


def welch(ours: list[float], others: list[float]) -> float:
    """The statistic of Welch's test."""
    spread = statistics.variance(ours) / len(ours) + statistics.variance(others) / len(others)
    return float((statistics.fmean(ours) - statistics.fmean(others)) / spread**0.5)


def cropped(times: list[float]) -> list[float]:
    """Without the slowest tenth, which is the machine's."""
    return sorted(times)[: len(times) * 9 // 10]


def wrong_at(token: str, place: int) -> str:
    other = "A" if token[place] != "A" else "B"
    return f"{token[:place]}{other}{token[place + 1 :] if place != -1 else ''}"


def compared(tokens: tuple[str, str]) -> float:
    times: tuple[list[float], list[float]] = ([], [])
    random = Random(7)
    for _ in range(2 * SAMPLES):
        which = random.getrandbits(1)
        started = time.perf_counter()
        keys.parse(tokens[which], SEALING)
        times[which].append(time.perf_counter() - started)
    return welch(cropped(times[0]), cropped(times[1]))


@pytest.mark.proof
def test_where_a_key_is_wrong_does_not_show_in_the_time() -> None:
    token = keys.mint(secrets.token_bytes, SEALING).token
    first, last = wrong_at(token, len(token) - 8), wrong_at(token, -1)
    assert {keys.parse(one, SEALING) for one in (first, last)} == {None}
    # A machine with other things to do is off now and then; what is there shows every time.
    assert min(abs(compared((first, last))) for _ in range(3)) < T_MAX


@pytest.mark.proof
def test_the_test_finds_a_difference_of_a_hundred_nanoseconds() -> None:
    random = Random(1)
    ours = [random.gauss(2e-6, 5e-7) for _ in range(SAMPLES)]
    others = [random.gauss(2.1e-6, 5e-7) for _ in range(SAMPLES)]
    assert abs(welch(ours, others)) > T_MAX
