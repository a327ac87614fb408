"""What an operation of an API is, seen by the pipeline that serves them all, and the question it answers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.network.brands import Brands
from adapters.mock.operator.network.captures import Captures
from adapters.mock.operator.network.equipment import EquipmentRegister
from adapters.mock.operator.network.events import State
from adapters.mock.operator.network.sms import SmsCentre
from adapters.mock.operator.network.timeline import Line
from adapters.mock.operator.notifications.notifier import Notifier
from adapters.mock.operator.profile import Geography, SwapRetention

# The look-ahead is for Python, whose `$` also matches before a trailing line feed.
PhoneNumber = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$(?!\n)", max_length=16)]


class Identifier(msgspec.Struct, frozen=True):
    """How a body names its subject. ``phone_number`` is absent where all that was given cannot be used."""

    phone_number: str | None


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator is apart from its subscribers: name, terms, and the services that its APIs lean on.

    ``purposes`` were agreed, ``scopes`` can be had here with any kind of token.
    """

    issuer: str
    purposes: frozenset[str]
    scopes: frozenset[str]
    geography: Geography
    utc_offset_min: int
    sms: SmsCentre
    captures: Captures
    notifier: Notifier
    equipment: EquipmentRegister
    brands: Brands
    sink_hosts: frozenset[str]

    def local(self, instant: datetime) -> datetime:
        """An instant as this operator writes it: whole milliseconds, its own offset."""
        offset_min = self.utc_offset_min
        written = instant.astimezone(timezone(timedelta(minutes=offset_min)) if offset_min else UTC)
        return written.replace(microsecond=written.microsecond // 1000 * 1000)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was found good, with all that an answer may depend on.

    ``phone_number`` is the subject, ``two_legged`` whether the body named it, ``now`` the network's time.
    ``scopes`` are the token's; ``record`` puts down that something about the line is otherwise from now on.
    """

    dialect: Dialect
    body: Any
    phone_number: str
    two_legged: bool
    client_id: str
    scopes: frozenset[str]
    line: Line
    now: datetime
    retention: SwapRetention
    around: Surroundings
    record: Callable[[State], None]

    @property
    def geography(self) -> Geography:
        """Where the operator's network is."""
        return self.around.geography

    def local(self, instant: datetime) -> datetime:
        """An instant as this operator writes it: whole milliseconds, its own offset."""
        return self.around.local(instant)


class Managing(msgspec.Struct, frozen=True, kw_only=True):
    """A request about no subscriber: about what a client made (its list, or one ``resource`` of it), or a handset.

    ``phone_number`` is the token's, if it has one; ``now`` is the network's time.
    """

    dialect: Dialect
    client_id: str
    phone_number: str | None
    resource: str | None
    body: Any
    now: datetime
    around: Surroundings

    def local(self, instant: datetime) -> datetime:
        """An instant as this operator writes it."""
        return self.around.local(instant)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation: where it is, what it needs, and the function that answers it.

    ``scopes``: one of them is enough. ``body`` is absent for GET. ``identifier`` reads the subject from a body and
    gives ``None`` where it names none; without it the token alone can name the subject. ``by_sim`` demands a token that
    the SIM itself proved. ``reference`` finds the subject of an earlier request of this client, or nobody (404).
    ``about_consent`` operations answer also where the subscriber permits nothing. ``scope_of`` tells which one of the
    scopes a body needs. ``manage`` takes the place of ``answer`` where a request is about no subscriber. ``absent_in``
    are versions of the API that do not have it.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    name: str
    summary: str
    scopes: frozenset[str]
    answer_type: Any
    answer: Callable[[Question], Any]
    body: type[msgspec.Struct] | None = None
    check: Callable[[Dialect, Any], None] | None = None
    identifier: Callable[[Any], Identifier | None] | None = None
    by_sim: bool = False
    reference: Callable[[SmsCentre, str, Any], str | None] | None = None
    about_consent: bool = False
    absent_in: frozenset[str] = frozenset()
    scope_of: Callable[[Dialect, Any], str] | None = None
    manage: Callable[[Managing], Any] | None = None
    status: int = 200


def unasked(_: Question) -> None:
    """The ``answer`` of operations that ``manage``, which is never reached."""
    raise TypeError("this operation asks nothing about a subscriber")
