"""What is taken for a rehearsal is what the run itself played, the rare lives with the common ones."""

from broker.simulation import play
from broker.simulation.rehearsal import sample
from tests.unit.simulation.worlds import inputs


def test_the_sample_is_of_the_run_and_spread_over_lives() -> None:
    part, *_ = play.shards(inputs(), questions=16 * 1_200, seed=7)
    scenes = sample(part, 10)
    assert len(scenes) == 10
    assert all(scene.question.attempt == 0 for scene in scenes)
    lives = [scene.question.line.episode.scenario for scene in scenes]
    assert len(set(lives)) >= 7
    assert lives.count("steady") <= 3
    played = play.play(play.shards(inputs(), questions=16 * 300, seed=7)[0])
    decided = {(played.session[at], played.outcome[at]) for at in range(len(played)) if played.attempt[at] == 0}
    early = [scene for scene in scenes if scene.question.session <= max(played.session) - 1]
    assert early
    assert {(scene.question.session, int(scene.outcome)) for scene in early} <= decided
