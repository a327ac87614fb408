"""How many checks run at once: past its peak a process only gets slower, so the rest are told to come back."""

from collections.abc import Awaitable, Callable

from broker.errors import Overloaded
from broker.usecases.ports import Answered, Asked

_RETRY_AFTER_S = 1


class Admission:
    """Stands before :class:`RunCheck` with the same call."""

    def __init__(self, run_check: Callable[[Asked], Awaitable[Answered]], in_flight_max: int) -> None:
        self._run_check = run_check
        self._in_flight_max = in_flight_max
        self._in_flight = 0

    async def __call__(self, asked: Asked) -> Answered:
        """Run the check, or refuse before anything is started.

        Raises:
            Overloaded: too many are under way.
        """
        if self._in_flight >= self._in_flight_max:
            raise Overloaded("too many checks are under way", retry_after_s=_RETRY_AFTER_S)
        self._in_flight += 1
        try:
            return await self._run_check(asked)
        finally:
            self._in_flight -= 1
