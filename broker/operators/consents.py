"""Ask an operator whether a person permits something there, before asking for it (CAMARA consent-info).

Only what rests on consent, at operators that offer consent-info and whose flow does not ask the person anyway. What is
not known to be permitted is not asked: a paid question would be refused, and a refusal is remembered by nobody.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.instruments import A, AskConsent, ConsentReason, ConsentStatus, Order, Refused
from broker.clock import Clock
from broker.domain.signal import Signal, Unavailability, Unavailable
from broker.operators.guards.base import Guard

_TTL_S = 5.0
"""As long as a withdrawal may take anywhere: who takes a consent back at the operator is not asked about for longer."""
_ENTRIES_MAX = 50_000
_MENDABLE = frozenset({None, ConsentReason.PENDING, ConsentReason.REQUESTED, ConsentReason.EXPIRED})


OrderScopes = Callable[[Order[Any]], tuple[str, ...]]


class ConsentCode(StrEnum):
    """Why a question was not put to an operator."""

    MISSING = "OPERATOR_CONSENT_MISSING"
    """The person may give it yet."""
    REFUSED = "OPERATOR_CONSENT_REFUSED"
    """They said no, and are not asked again."""
    UNKNOWN = "OPERATOR_CONSENT_UNKNOWN"


def no_scopes(_order: Order[Any]) -> tuple[str, ...]:
    """Of an adapter that cannot say what its orders take."""
    return ()


class _About(NamedTuple):
    operator: str
    purpose: str
    scopes: tuple[str, ...]


class _Barred(NamedTuple):
    reason: Unavailability
    code: str | None


class ConsentMemory:
    """What operators said a moment ago, by subject. Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, bytes], dict[_About, tuple[float, ConsentCode | None]]] = OrderedDict()

    def recall(self, tenant: str, subject: bytes, about: _About) -> tuple[ConsentCode | None] | None:
        """What was said, in a tuple of one; ``None`` where nothing is remembered."""
        until_s, code = self._kept.get((tenant, subject), {}).get(about, (0.0, None))
        return (code,) if self._clock.monotonic_s() < until_s else None

    def put(self, tenant: str, subject: bytes, about: _About, code: ConsentCode | None) -> None:
        """Remember what was said."""
        self._kept.setdefault((tenant, subject), {})[about] = (self._clock.monotonic_s() + _TTL_S, code)
        self._kept.move_to_end((tenant, subject))
        while len(self._kept) > _ENTRIES_MAX:
            self._kept.popitem(last=False)

    def forget(self, tenant: str, subject: bytes) -> None:
        """Drop what is kept of a subject."""
        self._kept.pop((tenant, subject), None)


class AsksConsentFirst(Guard):
    """An adapter that asks and orders nothing resting on consent before its operator has said that it has it.

    ``order_scopes`` are those to ask about before an order; the capabilities name those of questions.
    """

    def __init__(self, inner: Adapter, memory: ConsentMemory, order_scopes: OrderScopes) -> None:
        super().__init__(inner)
        self._memory = memory
        self._order_scopes = order_scopes

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask where it is permitted; else *not permitted* with a code, and nobody was asked for the thing itself."""
        capability = self._capabilities.get(query.signal)
        # A ceremony has just asked the person.
        scopes = () if capability is None or query.proof is not None else capability.consent_scopes
        barred = await self._barred(query, scopes)
        # Without a source, for nobody was asked for it, and nothing is to be paid.
        return await self._inner.observe(query) if barred is None else Unavailable(query.signal, *barred)

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """As :meth:`observe`."""
        barred = await self._barred(order, self._order_scopes(order))
        if barred is not None:
            return Refused(order.instrument, *barred)
        return await self._inner.carry_out(order)

    async def _barred(self, asking: SignalQuery | Order[Any], scopes: tuple[str, ...]) -> _Barred | None:
        """Why it must not be put to the operator; ``None`` where it may, or rests on no consent."""
        if not scopes or asking.consent_of is None:
            return None
        about = _About(self._operator, asking.purpose, scopes)
        known = self._memory.recall(asking.tenant, asking.consent_of, about)
        if known is None:
            answer = await self._ask(asking, scopes)
            if isinstance(answer, Refused):
                return _unknown(answer)
            known = (_code(answer, scopes),)
            self._memory.put(asking.tenant, asking.consent_of, about, known[0])
        (code,) = known
        return None if code is None else _Barred(Unavailability.NOT_PERMITTED, str(code))

    async def _ask(self, asking: SignalQuery | Order[Any], scopes: tuple[str, ...]) -> ConsentStatus | Refused:
        order = AskConsent(
            phone=asking.phone,
            purpose=asking.purpose,
            correlator=asking.correlator,
            deadline_s=asking.patience_s,
            tenant=asking.tenant,
            consumer=asking.consumer,
            scopes=scopes,
        )
        return await self._inner.carry_out(order)


def _code(status: ConsentStatus, scopes: tuple[str, ...]) -> ConsentCode | None:
    if all(status.permits(scope) for scope in scopes):
        return None
    open_ = [entry for entry in status.entries if not entry.permitted]
    return ConsentCode.MISSING if all(entry.reason in _MENDABLE for entry in open_) else ConsentCode.REFUSED


def _unknown(refused: Refused) -> _Barred:
    """An operator in trouble is told as such; one that does not know the number has another one looked for."""
    if refused.reason is Unavailability.UNKNOWN_SUBSCRIBER:
        return _Barred(refused.reason, refused.code)
    return _Barred(refused.reason, str(ConsentCode.UNKNOWN))
