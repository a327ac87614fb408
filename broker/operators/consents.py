"""Ask an operator whether a person permits something there, before asking for it (CAMARA consent-info).

Only what rests on consent, at operators that offer consent-info and whose flow does not ask the person anyway. What is
not known to be permitted is not asked: a paid question would be refused, and a refusal is remembered by nobody.
"""

from collections import OrderedDict
from enum import StrEnum
from typing import NamedTuple

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.instruments import AskConsent, ConsentReason, ConsentStatus, Refused
from broker.clock import Clock
from broker.domain.signal import Signal, Unavailability, Unavailable
from broker.operators.guards.base import Guard

_TTL_S = 5.0
"""As long as a withdrawal may take anywhere: who takes a consent back at the operator is not asked about for longer."""
_ENTRIES_MAX = 50_000
_MENDABLE = frozenset({None, ConsentReason.PENDING, ConsentReason.REQUESTED, ConsentReason.EXPIRED})


class ConsentCode(StrEnum):
    """Why a question was not put to an operator."""

    MISSING = "OPERATOR_CONSENT_MISSING"
    """The person may give it yet."""
    REFUSED = "OPERATOR_CONSENT_REFUSED"
    """They said no, and are not asked again."""
    UNKNOWN = "OPERATOR_CONSENT_UNKNOWN"


class _About(NamedTuple):
    operator: str
    purpose: str
    scopes: tuple[str, ...]


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
    """An adapter that puts no question resting on consent before its operator has said that the consent is there."""

    def __init__(self, inner: Adapter, memory: ConsentMemory) -> None:
        super().__init__(inner)
        self._memory = memory

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask where it is permitted; else *not permitted* with a code, and nobody was asked for the thing itself."""
        capability = self._capabilities.get(query.signal)
        # A ceremony has just asked the person.
        if capability is None or not capability.consent_scopes or query.consent_of is None or query.proof is not None:
            return await self._inner.observe(query)
        about = _About(self._operator, query.purpose, capability.consent_scopes)
        known = self._memory.recall(query.tenant, query.consent_of, about)
        if known is None:
            found = await self._ask(query, about.scopes)
            if isinstance(found, Unavailable):
                return found
            known = (found,)
            self._memory.put(query.tenant, query.consent_of, about, found)
        (code,) = known
        return await self._inner.observe(query) if code is None else _not_permitted(query, code)

    async def _ask(self, query: SignalQuery, scopes: tuple[str, ...]) -> ConsentCode | Unavailable | None:
        """Why it is not permitted, ``None`` where it is; a signal where nobody knows."""
        order = AskConsent(
            phone=query.phone,
            purpose=query.purpose,
            correlator=query.correlator,
            deadline_s=query.patience_s,
            tenant=query.tenant,
            consumer=query.consumer,
            scopes=scopes,
        )
        answer = await self._inner.carry_out(order)
        if isinstance(answer, ConsentStatus):
            return _code(answer, scopes)
        return _unknown(query, answer)


def _code(status: ConsentStatus, scopes: tuple[str, ...]) -> ConsentCode | None:
    if all(status.permits(scope) for scope in scopes):
        return None
    open_ = [entry for entry in status.entries if not entry.permitted]
    return ConsentCode.MISSING if all(entry.reason in _MENDABLE for entry in open_) else ConsentCode.REFUSED


def _unknown(query: SignalQuery, refused: Refused) -> Unavailable:
    """An operator in trouble is told as such; one that does not know the number has another one looked for."""
    if refused.reason is Unavailability.UNKNOWN_SUBSCRIBER:
        return Unavailable(query.signal, refused.reason, refused.code)
    return Unavailable(query.signal, refused.reason, str(ConsentCode.UNKNOWN))


def _not_permitted(query: SignalQuery, code: ConsentCode) -> Unavailable:
    """Without a source, for nobody was asked for it, and nothing is to be paid."""
    return Unavailable(query.signal, Unavailability.NOT_PERMITTED, str(code))
