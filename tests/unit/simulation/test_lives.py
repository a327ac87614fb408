"""Lives have the shares of the scenario table at any instant, and nothing in them grows younger by itself."""

from collections import Counter
from random import Random

import pytest

from broker.domain.signal import SignalName
from broker.simulation.lives import DAY_S, EPISODE_S, Lives
from tests.unit.simulation.worlds import table

PEOPLE = 20_000


@pytest.mark.parametrize("gap_days", [0, 20, 60])
def test_the_shares_of_the_table_hold_at_any_instant(gap_days: float) -> None:
    file, lives = table(), Lives(table(), Random(5))
    seen: Counter[str] = Counter()
    for _ in range(PEOPLE):
        episode = lives.honest(0.0)
        if gap_days:
            episode = lives.later(episode, 0.0, gap_days * DAY_S)
        seen[episode.scenario] += 1
    for name, scenario in file.scenarios.legitimate.items():
        spread = (scenario.share * (1 - scenario.share) / PEOPLE) ** 0.5
        # A tenth of tolerance on top: what began and ended within the gap is not met.
        assert seen[name] / PEOPLE == pytest.approx(scenario.share, abs=4 * spread + 0.1 * scenario.share), name


def test_attacks_have_the_shares_of_the_table() -> None:
    file, lives = table(), Lives(table(), Random(5))
    seen = Counter(lives.attacked(0.0).scenario for _ in range(PEOPLE))
    for name, scenario in file.scenarios.attack.items():
        spread = (scenario.share * (1 - scenario.share) / PEOPLE) ** 0.5
        assert seen[name] / PEOPLE == pytest.approx(scenario.share, abs=4 * spread), name


def test_what_was_seen_old_has_changed_since_then_or_not_at_all() -> None:
    lives = Lives(table(), Random(9))
    for _ in range(PEOPLE // 4):
        first = lives.honest(0.0)
        later = lives.later(first, 0.0, 10 * DAY_S)
        for name in (SignalName.SIM_SWAP, SignalName.DEVICE_SWAP):
            before, after = first.age_s(name, 0.0), later.age_s(name, 10 * DAY_S)
            assert after == pytest.approx(before + 10 * DAY_S) or 0.0 <= after <= 10 * DAY_S


def test_an_upheaval_ends() -> None:
    lives = Lives(table(), Random(3))
    upset = next(one for one in (lives.honest(0.0) for _ in range(1000)) if one.scenario != "steady")
    assert 0.0 <= upset.ends_s <= EPISODE_S
    before = lives.later(upset, 0.0, upset.ends_s - 1.0)
    assert (before.scenario, before.changed_at_s) == (upset.scenario, upset.changed_at_s)
    calm = lives.later(upset, 0.0, upset.ends_s + 1.0)
    assert calm.scenario == "steady"
    assert calm.changed_at_s == upset.changed_at_s
    assert calm.states.keys() == upset.states.keys()


def test_a_thief_with_the_handset_changes_no_device() -> None:
    lives = Lives(table(), Random(3))
    for _ in range(200):
        kept = lives.with_old_handset(lives.attacked(0.0, scenario="sim_takeover"), 0.0)
        assert kept.age_s(SignalName.DEVICE_SWAP, 0.0) > 30 * DAY_S
