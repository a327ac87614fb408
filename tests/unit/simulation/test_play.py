"""A run says the same however it is cut, and what it says of the shipped model is what the model promises."""

from typing import Any

import pytest

from broker.domain.decision import Outcome
from broker.errors import Misconfigured
from broker.simulation import play
from broker.simulation.findings import findings
from broker.simulation.planning import ALL, Planned, misses, planned
from broker.simulation.rivals import COST_RATIO_MAX
from broker.simulation.tally import Tally, merged
from broker.simulation.traffic import Adaptation, Behaviour
from broker.usecases.policy.simulate import Run, as_html, as_json, simulate, summary
from tests.unit.simulation.worlds import inputs, operators

OBSERVED_OVER_EXPECTED = (0.9, 1.1)


def played(
    questions: int, seed: int = 7, *, adaptation: Adaptation | None = None, everything: bool = False, **changes: Any
) -> Tally:
    parts = play.shards(inputs(**changes), questions=questions, seed=seed, adaptation=adaptation, everything=everything)
    return merged(map(play.play, parts))


@pytest.fixture(scope="module")
def honest_operators() -> Tally:
    """The shipped world with operators that give dates and do not lie."""
    return played(8_000, operators=operators(reads="date", lies=False))


@pytest.fixture(scope="module")
def usual() -> Tally:
    """The shipped world."""
    return played(3_000)


def test_the_same_run_on_one_process_and_on_two_gives_the_same_bytes() -> None:
    runs = [Run(inputs(), questions=600, seed=3, jobs=jobs, stress=False) for jobs in (1, 2)]
    one, two = (simulate(run, lambda _done, _of: None) for run in runs)
    assert as_json(one) == as_json(two)
    assert as_html(one) == as_html(two)


def test_another_seed_is_another_world() -> None:
    assert played(300, seed=1).probability != played(300, seed=2).probability


def test_every_question_is_played_and_told_of() -> None:
    seen: list[tuple[int, int]] = []
    report = simulate(Run(inputs(), questions=201, seed=3, jobs=1), lambda done, of: seen.append((done, of)))
    assert report.findings.questions == 201
    assert seen[-1][0] == seen[-1][1] == len(seen)
    assert len(report.stresses) == 5
    assert "deceived_victim" in summary(report)


def test_an_operator_more_changes_nobody_elses_luck() -> None:
    """Shares as they were; one operator fails more often."""
    flaky = [one | {"answers": {}} if one["name"] == "op-10" else one for one in operators()]
    whole, less = played(400), played(400, operators=flaky)
    others = [at for at in range(400) if whole.names.operators[whole.operator[at]] != "op-10"]
    assert [whole.probability[at] for at in others] == [less.probability[at] for at in others]


def test_probabilities_are_calibrated_where_operators_give_dates(honest_operators: Tally) -> None:
    """As far as so few attacks can tell; the proof below has enough of them."""
    ratio = findings(honest_operators).ranking.observed_over_expected
    low, high = OBSERVED_OVER_EXPECTED
    assert ratio.low <= high
    assert ratio.high >= low


def test_least_expected_cost_beats_the_rules_of_thumb(honest_operators: Tally) -> None:
    best, *others = findings(honest_operators).strategies
    for other in others:
        assert all(ours < theirs for ours, theirs in zip(best.costs, other.costs, strict=True)), other.name


def test_critical_without_its_required_evidence_is_never_allowed(honest_operators: Tally) -> None:
    allowed = [at for at in range(len(honest_operators)) if honest_operators.outcome[at] == Outcome.ALLOW]
    assert allowed
    assert max(honest_operators.action_class[at] for at in allowed) < 3


def test_attackers_who_adapt_do_better(usual: Tally) -> None:
    stopped = findings(usual).attacks_stopped["sim_takeover"].stopped.value
    waiting = findings(played(3_000, adaptation=Adaptation.WAITS)).attacks_stopped["sim_takeover"].stopped.value
    assert waiting < stopped


def test_the_scorecard_costs_little_more_than_the_best_there_is(honest_operators: Tally) -> None:
    """As far as so few attacks can tell, the mixture, which knows the scenarios themselves, saves no five per cent."""
    rivals = findings(honest_operators).rivals
    assert rivals.log_loss.low <= rivals.log_loss.gain <= rivals.log_loss.high
    assert all(one.low < (COST_RATIO_MAX - 1.0) * one.mixture for one in rivals.costs)


def test_attacks_become_known_late_and_some_never(usual: Tally) -> None:
    days, whole = findings(usual).known, sum(usual.attack[at] for at in range(len(usual)) if usual.attempt[at] == 0)
    shares = [one.reported.value for one in days]
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert 0.5 < shares[-1] < 0.9
    assert {one.reported.seen for one in days} == {whole}
    assert days[0].seems.value < days[-1].seems.value < findings(usual).ranking.observed_over_expected.value


def test_what_is_reported_changes_nothing_of_what_happens() -> None:
    told, silent = played(300), played(300, labels={"reported": 0.0, "median_days": 1.0, "sigma": 1.0})
    assert told.probability == silent.probability
    assert told.reported_d != silent.reported_d


def test_a_session_of_several_attempts_counts_once(usual: Tally) -> None:
    found = findings(usual)
    sessions = {usual.session[at] for at in range(len(usual)) if usual.attack[at]}
    assert sum(one.stopped.seen for one in found.behaviours_stopped.values()) == len(sessions)
    assert set(found.behaviours_stopped) <= {one.value for one in Behaviour}


def test_waves_pay_less_than_asking_everything_and_decide_the_same() -> None:
    assert misses(planned(played(600, everything=True))) == []


def test_the_policies_as_they_are_leave_nothing_to_chance(honest_operators: Tally) -> None:
    """They ask for little, so that a plan finds little to leave; what it leaves changes nothing."""
    for name, one in planned(honest_operators).items():
        assert one.looser == 0, name
        assert one.same > 0.999, name
        assert one.asked <= one.asked_all, name


def test_a_miss_is_told() -> None:
    bad = Planned(9, 0.99, 1, 0, 2.0, 2.0, 1.0, 99.0, 99.0, {"EUR": 0.7}, {"EUR": 1.0})
    assert misses({"low": bad, "high": bad, ALL: bad}) == [
        "30.0% saved in EUR",
        "99.00% decided the same",
        "1 looser in high",
    ]


def test_a_world_priced_like_an_operator_that_is_not_there_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"op-1 is priced_as nobody.* there are alba, borealis, cadenza"):
        played(1, operators=operators(priced_as="nobody"))


def test_a_world_without_prices_counts_questions_alone() -> None:
    whole = planned(played(200, operators=operators(priced_as=None)))[ALL]
    assert (whole.cost, whole.saved) == ({}, {})
    assert whole.asked > 0.5


@pytest.mark.proof
@pytest.mark.parametrize("attack_factor", [1.0, 50.0])
def test_waves_keep_their_promise_at_length(attack_factor: float) -> None:
    """Also where attacks are as frequent as can be: nothing is looser where it matters."""
    parts = play.shards(inputs(), questions=40_000, seed=7, attack_factor=attack_factor, everything=True)
    found = planned(merged(map(play.play, parts)))
    assert found["high"].looser == found["critical"].looser == 0
    if attack_factor == 1.0:
        assert misses(found) == []


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_the_published_size_of_run() -> None:
    found = findings(played(200_000, operators=operators(reads="date", lies=False)))
    low, high = OBSERVED_OVER_EXPECTED
    assert low <= found.ranking.observed_over_expected.value <= high
    for band in found.ranking.bands:
        if band.attacks >= 500:  # fifty, for attacks are played ten times as often
            assert band.observed.value == pytest.approx(band.predicted, rel=0.3)
    assert all(one.ratio <= COST_RATIO_MAX for one in found.rivals.costs)
