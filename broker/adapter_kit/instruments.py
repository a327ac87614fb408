"""Instruments: what an operator can do for us that is no evidence, each an order with its own kind of answer.

A signal says something about a line and is weighed. An instrument proves, tells or announces something: it sends a
password, shows what the person permits, opens a file. No plan of a check can name one, so none is ever used by itself.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Source, Unavailability

A = TypeVar("A")
CODE_PLACEHOLDER = "{{code}}"
MESSAGE_MAX = 160


class DisclosureGrant(msgspec.Struct, frozen=True):
    """A tenant's explicit wish to get personal data in clear: with one instrument, for one purpose."""

    tenant: str
    instrument: InstrumentName
    purpose: str


class Order(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """What every order says; ``A`` is the answer to it.

    Attributes:
        phone: whom it is about.
        purpose: one W3C DPV term without its prefix.
        correlator: the UUID sent as ``x-correlator`` and expected back.
        deadline_s: monotonic instant after which the answer is of no use.
        operator_token: a TS.43 temporary token, where the operator wants the subscriber's own authentication.
        grant: the tenant's wish to see personal data, without which no such order is carried out.
        tenant: on behalf of which organisation it is ordered, and
        consumer: for which of its applications; tokens of one are no other's.
        consent_of: the tenant's pseudonym of the person, where the order rests on their consent; else ``None``.
    """

    instrument: ClassVar[InstrumentName]
    charged: ClassVar[bool] = True
    """Whether the operator may charge for it."""
    proof: ClassVar[None] = None
    """No instrument takes a ceremony on the person's device."""

    phone: PhoneNumber
    purpose: str
    correlator: str
    deadline_s: float
    operator_token: str | None = None
    grant: DisclosureGrant | None = None
    tenant: str = ""
    consumer: str = ""
    consent_of: bytes | None = None

    @property
    def patience_s(self) -> float:
        """As that of a query; nobody goes on without the answer to an order."""
        return self.deadline_s

    def __repr__(self) -> str:  # number, code and token stay out of logs
        return f"{type(self).__name__}({self.phone})"


@runtime_checkable
class OrdersOnConsent(Protocol):
    """An adapter whose operator can be asked whether the person permits an order, before it is carried out."""

    def order_scopes(self, order: Order[Any]) -> tuple[str, ...]:
        """The scopes to ask consent-info about first; none where that cannot be, or the order is refused anyway."""
        ...


class PasswordSent(msgspec.Struct, frozen=True):
    """A one-time password is on its way. ``reference`` is needed to check it; it voids every earlier one."""

    reference: str

    def __repr__(self) -> str:  # whoever has it may try codes
        return "PasswordSent()"


class PasswordVerdict(StrEnum):
    """What became of a code that the person typed."""

    RIGHT = "right"
    WRONG = "wrong"
    """It may be tried again."""
    EXPIRED = "expired"
    """Too late, used before, or replaced by a newer one: send another."""
    EXHAUSTED = "exhausted"
    """Tried too often: this password is void."""


class SendPassword(Order[PasswordSent], frozen=True, kw_only=True):
    """Send a one-time password by text message. ``message`` holds :data:`CODE_PLACEHOLDER`, 160 characters in all.

    A text message reaches whoever holds the SIM: after a swap or with forwarding on it proves nothing.
    """

    instrument: ClassVar[InstrumentName] = InstrumentName.ONE_TIME_PASSWORD

    message: str

    def __post_init__(self) -> None:
        if CODE_PLACEHOLDER not in self.message or len(self.message) > MESSAGE_MAX:
            raise ValueError(
                f"message: {CODE_PLACEHOLDER} must stand in it, and {MESSAGE_MAX} characters are the limit"
            )


class CheckPassword(Order[PasswordVerdict], frozen=True, kw_only=True):
    """Check the code that the person typed against the password sent under ``reference``."""

    instrument: ClassVar[InstrumentName] = InstrumentName.ONE_TIME_PASSWORD

    reference: str
    code: str


class ConsentReason(StrEnum):
    """Why something is not permitted."""

    PENDING = "pending"
    """Nobody has asked the person yet."""
    REQUESTED = "requested"
    DENIED = "denied"
    """Refused, or taken back."""
    EXPIRED = "expired"
    OBJECTED = "objected"


class ConsentEntry(msgspec.Struct, frozen=True):
    """Whether these scopes may be used. ``reason`` comes with a no, if the operator tells; ``expires_at`` is aware."""

    scopes: tuple[str, ...]
    permitted: bool
    reason: ConsentReason | None = None
    expires_at: datetime | None = None


class ConsentStatus(msgspec.Struct, frozen=True):
    """What a person permits. ``capture_url`` is where they can permit more: a link of their operator, https."""

    entries: tuple[ConsentEntry, ...]
    capture_url: str | None = None

    def permits(self, scope: str) -> bool:
        """Whether a scope is permitted by every entry that names it; one that none names is not."""
        named = [entry.permitted for entry in self.entries if scope in entry.scopes]
        return bool(named) and all(named)


class AskConsent(Order[ConsentStatus], frozen=True, kw_only=True):
    """What the person permits of these scopes for the order's purpose; ``capture`` asks for a link to permit more.

    ``callback_url`` is where the browser returns to, since release 0.2.0.
    """

    instrument: ClassVar[InstrumentName] = InstrumentName.CONSENT_STATUS

    scopes: tuple[str, ...]
    capture: bool = False
    callback_url: str | None = None


class Point(msgspec.Struct, frozen=True):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


class Area(msgspec.Struct, frozen=True):
    """Where a device is: within ``radius_m`` of one point, or inside the polygon of three to fifteen."""

    points: tuple[Point, ...]
    radius_m: float | None = None

    def __repr__(self) -> str:  # a place is a person's
        return "Area()"


class Located(msgspec.Struct, frozen=True):
    """Where the network saw a device, and how long ago that was."""

    area: Area
    age_s: float


class Locate(Order[Located], frozen=True, kw_only=True):
    """Where the device is, in clear. Needs a grant; verification answers most questions without one."""

    instrument: ClassVar[InstrumentName] = InstrumentName.LOCATION_AREA

    max_age_s: int
    max_surface_m2: int | None = None


class IdentityRecord(msgspec.Struct, frozen=True):
    """What the operator has on file, by CAMARA's names. Personal data in clear: never stored, logged or answered."""

    attributes: Mapping[str, str]

    def __repr__(self) -> str:  # names of what is known, never the values
        return f"IdentityRecord({', '.join(sorted(self.attributes))})"


class OpenRecord(Order[IdentityRecord], frozen=True, kw_only=True):
    """What the operator has on file of these attributes, in clear. Needs a grant; kyc-match answers without one."""

    instrument: ClassVar[InstrumentName] = InstrumentName.IDENTITY_RECORD

    attributes: tuple[str, ...]


class CallAnnounced(msgspec.Struct, frozen=True):
    """An outgoing call was announced; ``expires_at`` where the operator says so."""

    reference: str | None = None
    expires_at: datetime | None = None


class AnnounceStrategy(StrEnum):
    """How the person learns who will call."""

    SMS = "SMS"
    BRAND_DISPLAY = "BRAND_DISPLAY"


class AnnounceCall(Order[CallAnnounced], frozen=True, kw_only=True):
    """Tell the person's operator that ``caller``, a number of the tenant's, is about to call them."""

    instrument: ClassVar[InstrumentName] = InstrumentName.CALL_ANNOUNCEMENT

    caller: PhoneNumber
    strategy: AnnounceStrategy | None = None
    ttl_s: int | None = None
    registration: str | None = None
    display_name: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """The order was not carried out, with the words that signals have for it; never to be read as success."""

    instrument: InstrumentName
    reason: Unavailability
    code: str | None = None
    source: Source | None = None
    latency_ms: float = 0.0
    retry_after_s: float | None = None
