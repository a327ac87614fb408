"""The state machine of a challenge, as functions from what it was to what it is.

::

    started ──open──> opened ──┬──> met ─────┬──> followed: the check has settled again
       │                       ├──> failed ──┘
       ├── (answer) ───────────┘
       └── time over: expired; a newer one, or given up: cancelled

An opened one may be waited for: whoever moves it takes the next look at the operator, so that one node does.

Nothing here reads a clock or a store. Whoever stores the result does so only where the version is still the one that
was read, so that of two hundred answers that arrive at once one counts.
"""

import msgspec

from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.errors import Conflict


def open_link(challenge: Challenge, browser: bytes, ticket: bytes, sealed: bytes, now_ms: int) -> Challenge:
    """The person has tapped: from here on only their browser can come back, and only once.

    Raises:
        Conflict: it was opened before, is closed, or over.
    """
    _require_open(challenge, now_ms)
    if challenge.state is not ChallengeState.STARTED:
        raise Conflict("this link was opened before")
    return _moved(challenge, state=ChallengeState.OPENED, browser=browser, ticket=ticket, sealed=sealed, link=None)


def open_prompt(challenge: Challenge, sealed: bytes, now_ms: int, until_ms: int) -> Challenge:
    """The person has tapped, and their operator asks them from now on, until ``until_ms``.

    Raises:
        Conflict: it was opened before, is closed, or over.
    """
    _require_open(challenge, now_ms)
    if challenge.state is not ChallengeState.STARTED:
        raise Conflict("this link was opened before")
    return _moved(challenge, state=ChallengeState.OPENED, sealed=sealed, link=None, due_ms=now_ms, expires_ms=until_ms)


def look_again(challenge: Challenge, due_ms: int, sealed: bytes | None = None) -> Challenge:
    """The turn of whoever moves it to look for an answer; the next one is at ``due_ms``, or when its time is over.

    Raises:
        Conflict: it is closed.
    """
    if not challenge.is_open:
        raise Conflict("this challenge is over")
    due_ms = min(due_ms, challenge.expires_ms)
    return _moved(challenge, due_ms=due_ms, sealed=challenge.sealed if sealed is None else sealed)


class Resending(msgspec.Struct, frozen=True):
    """How many times something may be sent for one challenge, and the least pause between two times."""

    sends_max: int
    pause_ms: int


def send(sent: tuple[int, ...], challenge: Challenge, now_ms: int, limits: Resending) -> tuple[int, ...]:
    """When it was sent, with now; ``sent`` are the times before.

    Raises:
        Conflict: the challenge is over, or that is too soon or too often.
    """
    _require_open(challenge, now_ms)
    if len(sent) >= limits.sends_max:
        raise Conflict("enough was sent for this challenge: choose another method")
    wait_ms = max(sent, default=0) + limits.pause_ms - now_ms
    if wait_ms > 0:
        raise Conflict("it was sent a moment ago: wait until it arrives", retry_after_s=-(-wait_ms // 1000))
    return (*sent, now_ms)


def hold(challenge: Challenge, sealed: bytes) -> Challenge:
    """The same challenge with something else under its seal.

    Raises:
        Conflict: it is closed.
    """
    if not challenge.is_open:
        raise Conflict("this challenge is over")
    return _moved(challenge, sealed=sealed)


def take_attempt(challenge: Challenge, now_ms: int) -> Challenge:
    """One more answer, counted before it is looked at: answers that arrive together each cost one.

    Raises:
        Conflict: it is closed, over, or there is no attempt left.
    """
    _require_open(challenge, now_ms)
    if challenge.attempts_left < 1:
        raise Conflict("there is no attempt left")
    return _moved(challenge, attempts_left=challenge.attempts_left - 1)


def end(
    challenge: Challenge,
    state: ChallengeState,
    code: ChallengeCode | None,
    now_ms: int,
    *,
    sealed: bytes = b"",
    due_ms: int | None = None,
) -> Challenge:
    """Close it. What it held for going on is not needed any more, and goes.

    Where its check has to follow, ``sealed`` is what came of it, and ``due_ms`` when to look whether it has.

    Raises:
        Conflict: it is closed already.
    """
    if not challenge.is_open:
        raise Conflict("this challenge is over")
    return _moved(
        challenge,
        state=state,
        code=code,
        closed_ms=now_ms,
        due_ms=due_ms,
        sealed=sealed,
        link=None,
        ticket=None,
        browser=None,
    )


def followed(challenge: Challenge) -> Challenge:
    """Its check has settled again: nothing is left to do, and nothing to keep."""
    return _moved(challenge, due_ms=None, sealed=b"")


def _require_open(challenge: Challenge, now_ms: int) -> None:
    if not challenge.is_open or now_ms >= challenge.expires_ms:
        raise Conflict("this challenge is over: start another")


def _moved(challenge: Challenge, **changes: object) -> Challenge:
    return msgspec.structs.replace(challenge, version=challenge.version + 1, **changes)
