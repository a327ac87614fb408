"""The only way from a use case to an operator: through the gate, before the call and again before its answer counts."""

import logging
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.instruments import A, Order, Refused
from broker.consent.gate import LegalBasis
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import Flag, Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.errors import BrokerError
from broker.privacy.pseudonyms import Pseudonyms
from broker.usecases.circles import Circles
from broker.usecases.permit import About, Grant, Permit, refused

UNKNOWN = "CONSENT_UNKNOWN"
"""Nobody could look, and what is not known is not permitted."""
NOBODY = "NO_TENANT"
NOT_ITS_OPERATOR = "NOT_ITS_OPERATOR"
"""An operator of the route is not, or not any more, one that the tenant may use."""
TOO_MANY_PLACES = "TOO_MANY_PLACES"
"""So many circles were asked about this person that one more would find them."""

_log = logging.getLogger(__name__)

Sources = Callable[[tuple[str, ...]], Adapter | None]
"""One adapter over operators in order of preference; ``None`` over none."""
NewHolder = Callable[[str, bytes], Awaitable[object]]
"""End what the former holder of a tenant's subject agreed to."""
MayAsk = Callable[[str, tuple[str, ...]], Awaitable[bool]]
"""Whether a tenant may have all of these operators asked."""


class Gatekeeping(msgspec.Struct, frozen=True):
    """What the gate works with. What is ``None`` is not minded."""

    permit: Permit
    pseudonyms: Pseudonyms
    circles: Circles | None = None
    new_holder: NewHolder | None = None
    may_ask: MayAsk | None = None


class PermittedNetwork:
    """Every operator of a deployment, behind the gate. Use cases take this, and no adapter that is not behind it."""

    def __init__(self, sources: Sources, tools: Gatekeeping) -> None:
        self._sources = sources
        self._tools = tools

    @property
    def permit(self) -> Permit:
        """What may be asked about whom."""
        return self._tools.permit

    def over(self, sources: Sources) -> "PermittedNetwork":
        """The same gate before other sources."""
        return PermittedNetwork(sources, self._tools)

    def __call__(self, sources: tuple[str, ...]) -> Adapter | None:
        """One adapter over operators in order of preference; ``None`` over none."""
        adapter = self._sources(sources)
        return None if adapter is None else Permitted(adapter, sources, self._tools)


class Permitted:
    """An adapter that asks nothing about a person that must not be asked, and tells nothing that must not be used."""

    def __init__(self, inner: Adapter, sources: tuple[str, ...], tools: Gatekeeping) -> None:
        self._inner = inner
        self._sources = sources
        self._tools = tools
        self._permit = tools.permit
        self._last: About | None = None

    @property
    def operator(self) -> str:
        """The one behind it."""
        return self._inner.operator

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """Those of the one behind it: what it could be asked, not what may be asked about somebody."""
        return self._inner.capabilities

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """Those of the one behind it."""
        return self._inner.instruments

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask where it is permitted, and use the answer where it still is; else *not permitted* with the code."""
        about = self._about(query)
        grant = await self._before(query.signal, about)
        if isinstance(grant, str):
            return Unavailable(query.signal, Unavailability.NOT_PERMITTED, grant)
        if await self._closes_in(query, about):
            return Unavailable(query.signal, Unavailability.NOT_PERMITTED, TOO_MANY_PLACES)
        if grant.basis is LegalBasis.CONSENT:
            query = msgspec.structs.replace(query, consent_of=about.subject)
        answer = await self._inner.observe(query)
        if isinstance(answer, Unavailable):
            return answer
        if _is_somebody_elses(answer):
            await self._moved_on(about)
        code = await self._after(query.signal, about, grant)
        return answer if code is None else refused(answer, code)

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """As :meth:`observe`."""
        about = self._about(order)
        grant = await self._before(order.instrument, about)
        if isinstance(grant, str):
            return Refused(order.instrument, Unavailability.NOT_PERMITTED, grant)
        if grant.basis is LegalBasis.CONSENT:
            order = msgspec.structs.replace(order, consent_of=about.subject)
        answer = await self._inner.carry_out(order)
        if isinstance(answer, Refused):
            return answer
        code = await self._after(order.instrument, about, grant)
        source = self._inner.instruments.get(order.instrument)
        return answer if code is None else Refused(order.instrument, Unavailability.NOT_PERMITTED, code, source)

    async def aclose(self) -> None:
        """The operators belong to the registry."""

    async def _closes_in(self, query: SignalQuery, about: About) -> bool:
        """Whether this is one circle too many around somebody."""
        circles = self._tools.circles
        if circles is None or query.signal is not SignalName.LOCATION or query.location is None:
            return False
        return not await circles.may_ask(about.tenant, about.subject, query.location)

    async def _moved_on(self, about: About) -> None:
        """The number has another holder than the tenant knew: what the former one agreed to permits nothing."""
        if self._tools.new_holder is None:
            return
        try:
            await self._tools.new_holder(about.tenant, about.subject)
        except BrokerError as error:  # the next time that anybody asks; this answer alone lets nothing be allowed
            _log.warning("could not end the consents of a former holder: %(code)s", {"code": error.code})

    def _about(self, asked: SignalQuery | Order[A]) -> About:
        """Whom this is about: in a check the same for every question, and each check asks through one of its own."""
        last = self._last
        if last is None or (last.tenant, last.phone, last.purpose) != (asked.tenant, asked.phone, asked.purpose):
            subject = self._tools.pseudonyms.subject(asked.tenant, asked.phone) if asked.tenant else b""
            last = self._last = About(asked.tenant, subject, asked.phone, asked.purpose)
        return last

    async def _before(self, category: Category, about: About) -> Grant | str:
        if not about.tenant:  # Defensive: what is asked for nobody rests on nobody's leave
            return NOBODY
        try:
            if self._tools.may_ask is not None and not await self._tools.may_ask(about.tenant, self._sources):
                return NOT_ITS_OPERATOR
            return await self._permit.before(category, about)
        except BrokerError:
            return UNKNOWN

    async def _after(self, category: Category, about: About, grant: Grant) -> str | None:
        try:
            return await self._permit.after(category, about, grant)
        except BrokerError:
            return UNKNOWN


def _is_somebody_elses(answer: Observed) -> bool:
    return answer.name is SignalName.NUMBER_RECYCLING and answer.value == Flag(active=True)
