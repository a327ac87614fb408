"""A tenant reaches the operators that are for it, whatever a route says: its side's, under its own contract."""

from collections.abc import Callable, Mapping

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.domain.signal import Signal, Unavailability
from broker.domain.tenancy import is_sandbox
from broker.operators.guards.base import Guard

SANDBOX_ONLY = "SANDBOX_ONLY"
"""A tenant that is not of the sandbox asked an operator that is."""
NOT_IN_SANDBOX = "NOT_IN_SANDBOX"
"""A tenant of the sandbox asked an operator that is not."""
NOT_A_MAGIC_NUMBER = "NOT_A_MAGIC_NUMBER"
OTHER_CONTRACT = "OTHER_CONTRACT"
"""This tenant is asked for under another contract with this operator, or under none."""

MagicNumbers = Mapping[str, str]
"""What is true about each number of a sandbox, by number."""


class KeepsSides(Guard):
    """An operator that is asked by tenants of its own side alone, and by those that it ``serves``.

    ``magic`` are the numbers of one of the sandbox, and it is asked about no others: somebody's real number, typed into
    a sandbox by mistake, goes nowhere. ``None`` for an operator that is real.
    """

    def __init__(self, inner: Adapter, magic: MagicNumbers | None, serves: Callable[[str], bool]) -> None:
        super().__init__(inner)
        self._magic = magic
        self._serves = serves

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask, or say that this operator is not for this tenant, or not for this number."""
        refusal = self._refuses(query.tenant, query.phone.e164)
        return await self._inner.observe(query) if refusal is None else self._refusal(query.signal, *refusal)

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """As :meth:`observe`."""
        refusal = self._refuses(order.tenant, order.phone.e164)
        if refusal is not None:
            return Refused(order.instrument, *refusal)
        return await self._inner.carry_out(order)

    def _refuses(self, tenant: str, number: str) -> tuple[Unavailability, str] | None:
        if self._magic is None:
            if is_sandbox(tenant):
                return Unavailability.NOT_PERMITTED, NOT_IN_SANDBOX
            return None if self._serves(tenant) else (Unavailability.NOT_PERMITTED, OTHER_CONTRACT)
        if not is_sandbox(tenant):
            return Unavailability.NOT_PERMITTED, SANDBOX_ONLY
        return None if number in self._magic else (Unavailability.UNKNOWN_SUBSCRIBER, NOT_A_MAGIC_NUMBER)
