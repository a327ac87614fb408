"""The state machine of a challenge, as functions from what it was to what it is.

::

    started ──open──> opened ──┬──> met
       │                       ├──> failed
       ├── (answer) ───────────┘
       └── time over: expired; a newer one: cancelled

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


def take_attempt(challenge: Challenge, now_ms: int) -> Challenge:
    """One more answer, counted before it is looked at: answers that arrive together each cost one.

    Raises:
        Conflict: it is closed, over, or there is no attempt left.
    """
    _require_open(challenge, now_ms)
    if challenge.attempts_left < 1:
        raise Conflict("there is no attempt left")
    return _moved(challenge, attempts_left=challenge.attempts_left - 1)


def end(challenge: Challenge, state: ChallengeState, code: ChallengeCode | None, now_ms: int) -> Challenge:
    """Close it. What it held for going on is not needed any more, and goes.

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
        due_ms=None,
        sealed=b"",
        link=None,
        ticket=None,
        browser=None,
    )


def _require_open(challenge: Challenge, now_ms: int) -> None:
    if not challenge.is_open or now_ms >= challenge.expires_ms:
        raise Conflict("this challenge is over: start another")


def _moved(challenge: Challenge, **changes: object) -> Challenge:
    return msgspec.structs.replace(challenge, version=challenge.version + 1, **changes)
