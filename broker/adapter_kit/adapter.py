"""The Adapter interface: what the broker asks of an operator."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol

import msgspec

from broker.adapter_kit.instruments import A, Order, Refused
from broker.domain.check import Circle, Claims
from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Signal, SignalName, Source, Unavailability, Unavailable


class CeremonyProof(msgspec.Struct, frozen=True):
    """What the person's device brought back: a code for one token, and what it was asked with (RFC 7636, RFC 9207).

    Made by :func:`broker.adapter_kit.authorization_code.finish`, good for one question.
    """

    code: str
    verifier: str
    redirect_uri: str
    scope: str

    def __repr__(self) -> str:  # the code and the verifier stay out of logs
        return "CeremonyProof(…)"


class SignalQuery(msgspec.Struct, frozen=True):
    """One question to one operator about one subject.

    Attributes:
        signal: what is asked.
        phone: whom it is about.
        purpose: one W3C DPV term without its prefix, e.g. ``FraudPreventionAndDetection``.
        correlator: the UUID sent as ``x-correlator`` and expected back.
        deadline_s: monotonic instant (the handed-in clock's ``monotonic_s``) after which the answer is of no use.
        window_s: how far back an event matters, for APIs that answer for a window.
        location: the circle to compare with; location signals are *not applicable* without one.
        bound_since: the day on which the number was linked to the person, for APIs that answer since a day.
        claims: what the person says about themself, for APIs that confirm it.
        age_threshold_years: the age to ask about, for age verification.
        operator_token: a TS.43 temporary token, for APIs that need the subscriber's own authentication.
        tenant: on behalf of which organisation it is asked, and
        consumer: for which of its applications; tokens and consents of one are no other's.
        proof: what a ceremony on the person's device came back with, for APIs that need one.
        settles_s: monotonic instant at which whoever asks goes on without the answer, where that is before
            ``deadline_s``: an answer in between still counts.
        consent_of: the tenant's pseudonym of the person, where asking rests on their consent; else ``None``.
    """

    signal: SignalName
    phone: PhoneNumber
    purpose: str
    correlator: str
    deadline_s: float
    window_s: float = 30 * 86_400.0
    location: Circle | None = None
    operator_token: str | None = None
    bound_since: date | None = None
    claims: Claims | None = None
    age_threshold_years: int | None = None
    tenant: str = ""
    consumer: str = ""
    proof: CeremonyProof | None = None
    settles_s: float | None = None
    consent_of: bytes | None = None

    @property
    def patience_s(self) -> float:
        """Until when to wait for what may take a person's time, such as a consent: then what is known is told."""
        return self.deadline_s if self.settles_s is None else min(self.settles_s, self.deadline_s)

    @property
    def personal(self) -> bool:
        """Whether it carries what only one person's device can have made: nobody else may share the answer."""
        return self.operator_token is not None or self.proof is not None

    def __repr__(self) -> str:  # number, claims and token stay out of logs
        return f"SignalQuery({self.signal}, {self.phone})"


class Capability(msgspec.Struct, frozen=True):
    """One network API at one version that an operator offers: ``sim-swap`` at ``2.1.0``, say.

    ``consent_scopes`` are those to ask consent-info about before a question that rests on consent. There are none where
    the operator does not offer consent-info, or where its flow asks the person anyway.
    """

    signal: SignalName
    api: str
    version: str
    consent_scopes: tuple[str, ...] = ()


class Adapter(Protocol):
    """An operator as the broker sees it. Guards and caches implement the same interface and hold another one."""

    @property
    def operator(self) -> str:
        """The operator's id in this deployment, as in ``config/operators``."""
        ...

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """What can be asked at all; anything else is answered *unsupported*."""
        ...

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask, and answer with an observation or a typed reason; an operator's trouble is never raised.

        Raises nothing but cancellation and the errors of a programmer. It does not check consent: that is hop 7.
        """
        ...

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """What can be ordered besides signals, and of which API and version it is."""
        ...

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Do what was ordered, or say why not; an operator's trouble is never raised."""
        ...

    async def aclose(self) -> None:
        """Give connections back."""
        ...


class ClosedAdapter:
    """The base of every adapter: whatever is not implemented is *unsupported*, so a forgotten method is closed."""

    def __init__(self, operator: str) -> None:
        self._operator = operator

    @property
    def operator(self) -> str:
        """The operator's id in this deployment."""
        return self._operator

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """Nothing."""
        return {}

    async def observe(self, query: SignalQuery) -> Signal:
        """Answer *unsupported*."""
        return Unavailable(query.signal, Unavailability.UNSUPPORTED)

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """None."""
        return {}

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Answer *unsupported*."""
        return Refused(order.instrument, Unavailability.UNSUPPORTED)

    async def aclose(self) -> None:
        """Nothing is held."""


class OperatorFault(Exception):
    """An operator gave no usable answer. Raised inside the kit only; :meth:`unavailable` makes the signal of it.

    ``code`` is from a closed list (CAMARA's error codes, OAuth's, the kit's own), never an operator's free text.
    ``status`` is the HTTP status where there was one, ``retry_after_s`` how long the operator asked us to stay away.
    """

    loggable = True

    def __init__(
        self,
        reason: Unavailability,
        code: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {code}")
        self.reason = reason
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s

    def unavailable(self, name: SignalName, source: Source | None, latency_ms: float) -> Unavailable:
        """The signal that says so."""
        return Unavailable(name, self.reason, self.code, source, latency_ms, self.retry_after_s)


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Elapsed seconds between two aware instants, never negative: clocks of two companies differ a little."""
    return max(0.0, (later - earlier).total_seconds())
