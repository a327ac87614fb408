"""The control API: a tester's hand on the operator. Subscribers, faults, clocks, operator tokens, the journal."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.device_authenticity import Imei
from adapters.mock.operator.apis.errors import CamaraError, permission_denied, unauthenticated
from adapters.mock.operator.apis.operation import PhoneNumber
from adapters.mock.operator.authorization.authentications import Standing
from adapters.mock.operator.authorization.backchannel import decide
from adapters.mock.operator.faults import Fault, PlannedFault
from adapters.mock.operator.journal import JOURNAL_MAX, JournalEntry
from adapters.mock.operator.network.directory import EVENTS_MAX, Subscriber
from adapters.mock.operator.network.equipment import EquipmentStanding, Listed
from adapters.mock.operator.network.events import Entry, Event
from adapters.mock.operator.network.situations import Answering
from adapters.mock.operator.network.sms import Sms
from adapters.mock.operator.profile import SwapRetention
from adapters.mock.operator.world import ControlAccess, World

LOOPBACK = frozenset({"127.0.0.1", "::1"})
Seconds = Annotated[float, Meta(ge=-3.2e9, le=3.2e9)]
FaultName = Annotated[str, PathParameter(max_length=100)]
TheWorld = NamedDependency[World]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
Aware = Annotated[datetime, Meta(tz=True)]


class EventBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One event: at an instant with zone, or ``agoS`` seconds before the network's now (negative: ahead)."""

    event: Event
    at: Aware | UnsetType = UNSET
    ago_s: Seconds = 0.0


class RetentionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A line with its own limit for swap dates: hours (null: none), and whether ``monitoredPeriod`` says so."""

    hours: Annotated[int, Meta(ge=1, le=1_000_000)] | None
    disclosed: bool = True


class SubscriberBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A subscriber as a whole; what is absent is empty. ``simNumber``: whose SIM answers when a token is fetched."""

    events: Annotated[list[EventBody], Meta(max_length=EVENTS_MAX)] = []
    retention: RetentionBody | None = None
    sim_number: PhoneNumber | None = None
    fault: Fault | None = None
    answering: Answering | None = None


class EntryView(msgspec.Struct):
    """One event of a history."""

    at: datetime
    event: Event


class SubscriberView(msgspec.Struct, rename="camel"):
    """A subscriber as the operator holds it, oldest event first."""

    phone_number: str
    events: list[EntryView]
    retention: RetentionBody | None = None
    sim_number: str | None = None
    fault: Fault | None = None
    answering: Answering | None = None


class PromptView(msgspec.Struct, rename="camel"):
    """One question on the phone of a subscriber: who asks, for which APIs, and how it stands."""

    number: int
    asked_at: datetime
    client: str
    purpose: str
    scopes: list[str]
    standing: Standing


class AnswerBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the person says to every question that is open."""

    approve: bool


class ClockBody(msgspec.Struct, forbid_unknown_fields=True):
    """Put the network's clock to an instant; with ``authorization`` tokens and assertions are judged by it as well."""

    now: Aware
    authorization: bool = False


class AdvanceBody(msgspec.Struct, forbid_unknown_fields=True):
    """Move the network's clock by seconds; with ``authorization`` tokens and assertions are judged by it as well."""

    seconds: Seconds
    authorization: bool = False


class ClockView(msgspec.Struct):
    """Both clocks."""

    network: datetime
    authorization: datetime


class EquipmentBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """How a handset stands, since ``agoS`` seconds."""

    standing: EquipmentStanding
    ago_s: Seconds = 0.0


class OperatorTokenBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """For the SIM of which number."""

    phone_number: PhoneNumber


class OperatorTokenView(msgspec.Struct, rename="camel"):
    """What a device would have fetched through TS.43."""

    operator_token: str
    expires_at: datetime


class RequestsView(msgspec.Struct):
    """``total`` counts every request since the last clearing, ``requests`` are those that were kept and asked for."""

    total: int
    requests: list[JournalEntry]


def guard(access: ControlAccess) -> Callable[[AnyConnection, BaseRouteHandler], None]:
    """The guard of the control API: from this machine only unless said otherwise, and with the control key."""

    def check(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
        client = connection.client
        # Defensive: a mock that is reachable from elsewhere must not be steerable from elsewhere by accident.
        if not access.remote and (client is None or client.host not in LOOPBACK):
            raise permission_denied("The control API is for this machine only.")
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        expected = (access.key or "").encode()
        if not expected or scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), expected):
            raise unauthenticated()

    return check


class SubscriberControl(Controller):
    """Who there is, and what happens to them."""

    path = "/subscribers/{phone_number:str}"
    tags = ["control"]  # noqa: RUF012 - Litestar's own shape

    @put(operation_id="putSubscriber", summary="Add or replace a subscriber")
    async def replace(
        self, world: TheWorld, phone_number: FromPath[PhoneNumber], data: JSONBody[SubscriberBody]
    ) -> SubscriberView:
        """The number may be of any range, as a ported one is."""
        retention = None
        if data.retention is not None:
            retention = SwapRetention(hours=data.retention.hours, disclosed=data.retention.disclosed)
        subscriber = Subscriber(
            phone_number,
            [_dated(event, world.clocks.network_now()) for event in data.events],
            retention,
            data.sim_number,
            data.fault,
            data.answering,
        )
        _bounded(lambda: world.directory.put(subscriber))
        return _view(subscriber)

    @get(operation_id="getSubscriber", summary="A subscriber and its history")
    async def read(self, world: TheWorld, phone_number: FromPath[PhoneNumber]) -> SubscriberView:
        """Also of one that has left."""
        return _view(_known(world, phone_number))

    @post("/events", operation_id="addEvent", summary="Let something happen to a subscriber")
    async def add(
        self, world: TheWorld, phone_number: FromPath[PhoneNumber], data: JSONBody[EventBody]
    ) -> SubscriberView:
        """In the past, now, or in the future."""
        subscriber = _known(world, phone_number)
        _bounded(lambda: subscriber.add(_dated(data, world.clocks.network_now())))
        world.notifier.look()
        return _view(subscriber)

    @get("/messages", operation_id="getMessages", summary="The text messages that a number got")
    async def messages(self, world: TheWorld, phone_number: FromPath[PhoneNumber]) -> list[Sms]:
        """The last ones, oldest first: what its holder would read on the screen."""
        return world.sms.inbox(_known(world, phone_number).phone_number)

    @get("/prompts", operation_id="getPrompts", summary="What a person was asked on the phone (CIBA)")
    async def prompts(self, world: TheWorld, phone_number: FromPath[PhoneNumber]) -> list[PromptView]:
        """Oldest first, answered ones too. Where the consent is on file, nothing is asked."""
        return _prompts(world, _known(world, phone_number).phone_number)

    @post("/prompts/answer", operation_id="answerPrompts", summary="Answer for the person", status_code=200)
    async def answer(
        self, world: TheWorld, phone_number: FromPath[PhoneNumber], data: JSONBody[AnswerBody]
    ) -> list[PromptView]:
        """Every open question; yes is also a consent for the APIs asked about."""
        number = _known(world, phone_number).phone_number
        for request in world.authentications.prompts(number):
            decide(world, request, approves=data.approve)
        return _prompts(world, number)


class EquipmentControl(Controller):
    """What the register says about handsets."""

    path = "/equipment/{imei:str}"
    tags = ["control"]  # noqa: RUF012 - Litestar's own shape

    @put(operation_id="putEquipment", summary="Put down how a handset stands", status_code=204)
    async def replace(self, world: TheWorld, imei: FromPath[Imei], data: JSONBody[EquipmentBody]) -> None:
        """In place of what was there."""
        since = world.clocks.network_now() - timedelta(seconds=data.ago_s)
        _bounded(lambda: world.equipment.put(imei, Listed(data.standing, since)))


class FaultControl(Controller):
    """What goes wrong, and for whom."""

    path = "/faults"
    tags = ["control"]  # noqa: RUF012 - Litestar's own shape

    @get(operation_id="getFaults", summary="The faults that are set")
    async def read(self, world: TheWorld) -> dict[str, PlannedFault]:
        """By their names."""
        return world.faults.planned()

    @put("/{name:str}", operation_id="putFault", summary="Set or replace a fault", status_code=204)
    async def replace(self, world: TheWorld, name: FaultName, data: JSONBody[PlannedFault]) -> None:
        """It acts from the next request on."""
        _bounded(lambda: world.faults.put(name, data))

    @delete("/{name:str}", operation_id="deleteFault", summary="Remove a fault")
    async def remove(self, world: TheWorld, name: FaultName) -> None:
        """404 where there is none."""
        if not world.faults.remove(name):
            raise CamaraError(404, "NOT_FOUND", "No fault has this name.")

    @delete(operation_id="deleteFaults", summary="Remove every fault")
    async def clear(self, world: TheWorld) -> None:
        """Those of the magic numbers stay."""
        world.faults.clear()


class WorldControl(Controller):
    """Time, tokens, the journal, and starting over."""

    path = ""
    tags = ["control"]  # noqa: RUF012 - Litestar's own shape

    @get("/clock", operation_id="getClock", summary="What time it is here")
    async def clock(self, world: TheWorld) -> ClockView:
        """By both clocks."""
        return ClockView(world.clocks.network_now(), world.clocks.authorization_now())

    @put("/clock", operation_id="putClock", summary="Put the clock to an instant")
    async def set_clock(self, world: TheWorld, data: JSONBody[ClockBody]) -> ClockView:
        """It goes on from there."""
        _bounded(lambda: world.clocks.set_network(data.now, authorization=data.authorization))
        world.notifier.look()
        return await self._read_clock(world)

    @post("/clock/advance", operation_id="advanceClock", summary="Move the clock", status_code=200)
    async def advance(self, world: TheWorld, data: JSONBody[AdvanceBody]) -> ClockView:
        """Forwards, or backwards with a negative number."""
        _bounded(lambda: world.clocks.advance(data.seconds, authorization=data.authorization))
        world.notifier.look()
        return await self._read_clock(world)

    async def _read_clock(self, world: TheWorld) -> ClockView:
        return ClockView(world.clocks.network_now(), world.clocks.authorization_now())

    @post("/operator-tokens", operation_id="mintOperatorToken", summary="An operator token for the SIM of a number")
    async def mint(self, world: TheWorld, data: JSONBody[OperatorTokenBody]) -> OperatorTokenView:
        """For the SIM that really answers for this number, which may be another one."""
        number = _known(world, data.phone_number).sim_number or data.phone_number
        return OperatorTokenView(*world.operator_tokens.mint(number, world.clocks.authorization_now()))

    @get("/requests", operation_id="getRequests", summary="What was asked")
    async def requests(
        self,
        world: TheWorld,
        path: FromQuery[str | None] = None,
        correlator: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=JOURNAL_MAX)] = JOURNAL_MAX,
    ) -> RequestsView:
        """The newest ``limit`` of those kept, oldest first."""
        return RequestsView(world.journal.total, world.journal.entries(path=path, correlator=correlator)[-limit:])

    @delete("/requests", operation_id="deleteRequests", summary="Forget what was asked")
    async def clear(self, world: TheWorld) -> None:
        """And begin to count anew."""
        world.journal.clear()

    @post("/reset", operation_id="reset", summary="Start over", status_code=204)
    async def reset(self, world: TheWorld) -> None:
        """Clocks, sandbox subscribers, faults, tokens and journal as after a start."""
        world.reset()


CONTROLLERS = (SubscriberControl, EquipmentControl, FaultControl, WorldControl)


def _known(world: World, phone_number: str) -> Subscriber:
    subscriber = world.directory.known(phone_number)
    if subscriber is None:
        raise CamaraError(404, "NOT_FOUND", "No subscriber has this number.")
    return subscriber


def _prompts(world: World, number: str) -> list[PromptView]:
    return [
        PromptView(
            one.number,
            one.asked_at,
            one.client_id,
            one.ticket.granted.purpose,
            sorted(one.ticket.granted.scopes),
            one.standing,
        )
        for one in world.authentications.prompts(number)
    ]


def _dated(body: EventBody, now: datetime) -> Entry:
    at = now - timedelta(seconds=body.ago_s) if isinstance(body.at, UnsetType) else body.at
    return Entry(at, body.event)


def _view(subscriber: Subscriber) -> SubscriberView:
    retention = subscriber.retention
    return SubscriberView(
        subscriber.phone_number,
        [EntryView(entry.at, entry.event) for entry in subscriber.history],
        None if retention is None else RetentionBody(retention.hours, retention.disclosed),
        subscriber.sim_number,
        subscriber.fault,
        subscriber.answering,
    )


def _bounded(act: Callable[[], None]) -> None:
    try:
        act()
    except ValueError as error:
        raise CamaraError(422, "LIMIT_EXCEEDED", str(error)) from error
