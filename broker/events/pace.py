"""When a delivery that failed is tried again: ever later, with jitter, and at last no more."""

from random import Random

import msgspec
from tenacity import RetryCallState, Retrying, wait_exponential


class RetryPace(msgspec.Struct, frozen=True):
    """How often and how long. With the defaults the tenth attempt, the last, comes three or four days after the first.

    ``jitter_share`` of a pause is added or taken away by chance, so that what failed together does not come together.
    """

    attempts_max: int = 10
    first_s: float = 5.0
    factor: float = 6.0
    pause_max_s: float = 86_400.0
    jitter_share: float = 0.2


def pause_s(pace: RetryPace, attempts: int, asked_s: float | None, random: Random) -> float | None:
    """How long to wait after so many failed attempts; ``None`` when that was the last one.

    ``asked_s`` is what the receiver asked for by ``Retry-After``, and is the least.
    """
    if attempts >= pace.attempts_max:
        return None
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempts
    wait = wait_exponential(multiplier=pace.first_s, exp_base=pace.factor, max=pace.pause_max_s)(state)
    jittered = wait * (1 + pace.jitter_share * random.uniform(-1, 1))
    return max(jittered, min(asked_s or 0.0, pace.pause_max_s))
