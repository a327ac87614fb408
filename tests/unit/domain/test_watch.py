"""What a look means: worse is told once, what cannot be seen accuses nobody, and it is never taken for well."""

from typing import Any

import pytest

from broker.domain.decision import Outcome, TrustBand, Verdict
from broker.domain.watch import Look, News, Watch, WatchCode, WatchState, looked, over, taken, untold

NOW_MS = 1_000_000
HOUR_MS = 3_600_000
WATCH = Watch(
    tenant="acme",
    watch_id="wch_1",
    subject=b"s" * 16,
    consumer="shop",
    agent=None,
    action_type="payment.transfer",
    purpose="FraudPreventionAndDetection",
    every_s=3600,
    state=WatchState.WATCHING,
    version=1,
    opened_ms=NOW_MS,
    expires_ms=NOW_MS + 3 * HOUR_MS,
    due_ms=NOW_MS,
    sealed=b"sealed",
)
CLEAN = Look("chk_1", Outcome.ALLOW, TrustBand.HIGH, Verdict.TRUSTED, 1)


def look(check_id: str = "chk_2", **changes: Any) -> Look:
    members = {name: getattr(CLEAN, name) for name in Look.__struct_fields__}
    return Look(**members | {"check_id": check_id} | changes)


@pytest.mark.parametrize(
    ("found", "news"),
    [
        pytest.param(look(), News.NOTHING, id="the same"),
        pytest.param(look(decision=Outcome.STEP_UP), News.WORSENED, id="stricter"),
        pytest.param(look(band=TrustBand.MEDIUM), News.WORSENED, id="a lower band"),
        pytest.param(look(band=TrustBand.VERY_HIGH, missing=0), News.NOTHING, id="better"),
        pytest.param(look(missing=2), News.UNSURE, id="less is seen"),
        pytest.param(
            look(missing=2, decision=Outcome.REVIEW, band=TrustBand.LOW, verdict=Verdict.UNKNOWN),
            News.UNSURE,
            id="stricter for what is missing",
        ),
        pytest.param(
            look(missing=2, decision=Outcome.DENY, verdict=Verdict.SUSPICIOUS), News.WORSENED, id="suspicious anyway"
        ),
    ],
)
def test_what_a_look_means(found: Look, news: News) -> None:
    first, nothing = looked(WATCH, CLEAN, NOW_MS)
    assert nothing is News.NOTHING, "there was nothing before to be worse than"
    assert looked(first, found, NOW_MS)[1] is news


def test_worse_is_told_once_and_again_when_it_had_been_better() -> None:
    watch = WATCH
    told = []
    for decision in (Outcome.ALLOW, Outcome.DENY, Outcome.DENY, Outcome.ALLOW, Outcome.STEP_UP):
        watch, news = looked(watch, look(decision=decision), NOW_MS)
        told.append(news is News.WORSENED)
    assert told == [False, True, False, False, True]


def test_who_could_not_be_seen_is_compared_with_when_they_could() -> None:
    seen, _ = looked(WATCH, CLEAN, NOW_MS)
    blind, news = looked(seen, look(missing=3, decision=Outcome.STEP_UP), NOW_MS)
    again, silence = looked(blind, look(missing=3, decision=Outcome.STEP_UP), NOW_MS)
    assert (news, silence, blind.unsure, again.decision) == (News.UNSURE, News.NOTHING, 1, "allow")
    well, nothing = looked(again, look(), NOW_MS)
    assert (nothing, well.unsure) == (News.NOTHING, 0)
    assert looked(again, look(decision=Outcome.STEP_UP), NOW_MS)[1] is News.WORSENED


def test_times_are_kept() -> None:
    mine = taken(WATCH, NOW_MS, 60_000)
    assert (mine.version, mine.due_ms) == (2, NOW_MS + 60_000)
    after, _ = looked(mine, CLEAN, NOW_MS)
    assert (after.version, after.due_ms, after.looks) == (3, NOW_MS + HOUR_MS, 1)
    late, _ = looked(mine, CLEAN, NOW_MS + 2 * HOUR_MS + 1)
    assert late.due_ms == WATCH.expires_ms, "due once more at the end of its time"
    paused = untold(mine, WatchCode.PAUSED, NOW_MS, 5000)
    assert (paused.due_ms, paused.code, paused.decision) == (NOW_MS + 5000, WatchCode.PAUSED, None)
    gone = over(mine, WatchState.ENDED, WatchCode.ERASED, NOW_MS)
    assert (gone.due_ms, gone.sealed, gone.closed_ms, gone.version) == (None, b"", NOW_MS, 3)
