"""When the log is late, when it is damaged, and that either is over when it keeps up again."""

from broker.usecases.audit.log_watch import LogWatch
from tests.support.clocks import HandClock


def test_it_is_late_after_five_seconds_without_a_round_that_ended_well() -> None:
    clock = HandClock()
    watch = LogWatch(clock, late_s=5.0)
    clock.advance(5.0)
    assert watch.alarm == ""
    clock.advance(0.1)
    assert watch.alarm == "the log has signed nothing for 5 s, and may take 5 s"
    watch.kept_up()
    assert (watch.alarm, watch.age_s) == ("", 0.0)


def test_damage_is_an_alarm_at_once_until_a_round_ends_well() -> None:
    watch = LogWatch(HandClock(), late_s=5.0)
    watch.damaged("entries 3 to 4 do not add up")
    assert (watch.alarm, watch.damage) == (
        "the log is damaged: entries 3 to 4 do not add up",
        "entries 3 to 4 do not add up",
    )
    watch.kept_up()
    assert watch.damage == ""
