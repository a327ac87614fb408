"""A check within the quotas of whoever asks."""

from collections.abc import Awaitable, Callable

import msgspec

from broker.consumers.quotas import Quotas
from broker.usecases.ports import Answered, Asked


class WithinQuotas:
    """Stands before :class:`RunCheck` with the same call."""

    def __init__(self, run_check: Callable[[Asked], Awaitable[Answered]], quotas: Quotas) -> None:
        self._run_check = run_check
        self._quotas = quotas

    async def __call__(self, asked: Asked) -> Answered:
        """Count the check and run it.

        Raises:
            QuotaExceeded: a quota is used up; nothing was started.
        """
        allowances = await self._quotas.take(asked.principal)
        answered = await self._run_check(asked)
        return msgspec.structs.replace(answered, allowances=allowances) if allowances else answered
