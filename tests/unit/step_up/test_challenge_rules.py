"""The state machine of a challenge: what may follow what, and that nothing follows the end."""

import msgspec
import pytest

from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.errors import Conflict
from broker.step_up import rules
from tests.contract.test_storage_challenges import NOW_MS, a_challenge

STARTED, OPENED, MET, FAILED, EXPIRED, CANCELLED = ChallengeState
OVER_MS = NOW_MS + 120_000


def opened() -> Challenge:
    return rules.open_link(a_challenge(), b"browser", b"ticket", b"more", NOW_MS)


def test_a_link_opens_once_and_is_forgotten() -> None:
    challenge = opened()
    assert (challenge.state, challenge.link, challenge.version) == (OPENED, None, 2)
    with pytest.raises(Conflict, match="before"):
        rules.open_link(challenge, b"other", b"other", b"other", NOW_MS)


def test_every_answer_costs_an_attempt() -> None:
    challenge = a_challenge()
    for left in (2, 1, 0):
        challenge = rules.take_attempt(challenge, NOW_MS)
        assert challenge.attempts_left == left
    with pytest.raises(Conflict, match="no attempt"):
        rules.take_attempt(challenge, NOW_MS)


@pytest.mark.parametrize("state", [MET, FAILED, EXPIRED, CANCELLED])
def test_nothing_follows_the_end(state: ChallengeState) -> None:
    ended = rules.end(opened(), state, ChallengeCode.REPLACED, NOW_MS)
    assert (ended.sealed, ended.ticket, ended.browser, ended.due_ms) == (b"", None, None, None)
    with pytest.raises(Conflict):
        rules.open_link(ended, b"", b"", b"", NOW_MS)
    with pytest.raises(Conflict):
        rules.take_attempt(ended, NOW_MS)
    with pytest.raises(Conflict):
        rules.end(ended, MET, None, NOW_MS)


def test_time_ends_what_nobody_answers() -> None:
    rules.take_attempt(a_challenge(), OVER_MS - 1)
    for late in (a_challenge(), opened()):
        with pytest.raises(Conflict, match="over"):
            rules.take_attempt(late, OVER_MS)
    with pytest.raises(Conflict, match="over"):
        rules.open_link(a_challenge(), b"", b"", b"", OVER_MS)
    assert rules.end(a_challenge(), EXPIRED, ChallengeCode.TIMED_OUT, OVER_MS).state is EXPIRED


def test_every_change_moves_the_version() -> None:
    first = msgspec.structs.replace(a_challenge(), version=7)
    assert rules.take_attempt(first, NOW_MS).version == 8
    assert rules.end(first, MET, None, NOW_MS).version == 8


def test_what_counts_is_kept_until_the_check_has_followed() -> None:
    ended = rules.end(opened(), MET, None, NOW_MS, sealed=b"what came of it", due_ms=NOW_MS + 5000)
    assert (ended.sealed, ended.due_ms, ended.is_open) == (b"what came of it", NOW_MS + 5000, False)
    done = rules.followed(ended)
    assert (done.sealed, done.due_ms, done.state, done.version) == (b"", None, MET, ended.version + 1)


@pytest.mark.parametrize(
    ("sent", "now_ms", "why"),
    [
        ((NOW_MS,), NOW_MS + 29_999, "a moment ago"),
        ((0, 1, 2), NOW_MS, "enough"),
        ((0,), OVER_MS, "over"),
    ],
)
def test_something_is_sent_neither_at_once_again_nor_often(sent: tuple[int, ...], now_ms: int, why: str) -> None:
    limits = rules.Resending(3, 30_000)
    with pytest.raises(Conflict, match=why):
        rules.send(sent, a_challenge(), now_ms, limits)
    assert rules.send((NOW_MS,), a_challenge(), NOW_MS + 30_000, limits) == (NOW_MS, NOW_MS + 30_000)


def test_a_closed_challenge_holds_nothing_new() -> None:
    with pytest.raises(Conflict):
        rules.hold(rules.end(opened(), MET, None, NOW_MS), b"more")


def test_a_prompt_begins_once_and_is_looked_after_until_its_own_end() -> None:
    asked = rules.open_prompt(a_challenge(), b"sealed", NOW_MS, NOW_MS + 5000)
    assert (asked.state, asked.due_ms, asked.expires_ms, asked.link) == (OPENED, NOW_MS, NOW_MS + 5000, None)
    looked = rules.look_again(asked, NOW_MS + 1000)
    assert (looked.due_ms, looked.version, looked.sealed) == (NOW_MS + 1000, 3, b"sealed")
    assert rules.look_again(looked, NOW_MS + 9000, b"more").due_ms == NOW_MS + 5000, "its end is looked at in any case"
    for over in (asked, rules.end(asked, CANCELLED, None, NOW_MS)):
        with pytest.raises(Conflict):
            rules.open_prompt(over, b"", NOW_MS, NOW_MS)
    with pytest.raises(Conflict, match="over"):
        rules.look_again(rules.end(asked, MET, None, NOW_MS), NOW_MS)
