"""What nothing could be seen of takes as long whatever the reason: an agent hears of it at a step of the clock."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from broker.clock import Clock
from broker.usecases.ports import Answered, Asked


class EvenTime:
    """Stands before a check with the same call.

    Defensive (T2, T3): a number that its operator does not know costs a question; one that nobody here can ask about,
    and a person who has not consented, cost none, and the time of the answer would tell them apart. So where no signal
    was observed an agent is answered at the next multiple of ``step_ms`` after it asked, or at the deadline that it
    named. Back ends are not held up; they may see the evidence itself.

    Args:
        run_check: the check.
        step_ms: longer than operators take to say that they do not know a number; 0 answers at once.
        clock: measures from ``received_s`` on.
    """

    def __init__(self, run_check: Callable[[Asked], Awaitable[Answered]], step_ms: int, clock: Clock) -> None:
        self._run_check = run_check
        self._step_s = step_ms / 1000
        self._clock = clock

    async def __call__(self, asked: Asked) -> Answered:
        """Run the check, and hold the answer back where it must not tell."""
        answered = await self._run_check(asked)
        if self._step_s and answered.unseen and asked.principal.agent is not None:
            await asyncio.sleep(self._left_s(asked))
        return answered

    def _left_s(self, asked: Asked) -> float:
        took_s = self._clock.monotonic_s() - asked.received_s
        due_s = math.ceil(took_s / self._step_s) * self._step_s
        if asked.request.deadline_ms is not None:
            due_s = min(due_s, asked.request.deadline_ms / 1000)
        return max(0.0, due_s - took_s)
