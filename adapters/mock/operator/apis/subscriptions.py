"""The ``*-subscriptions`` APIs: one resource model (Commonalities, event subscription guide), several kinds of event.

Releases of Spring25 (Commonalities 0.5) and Fall25 (0.6); from one to the other ``subscription-ends`` became
``subscription-ended``, and ``subscription-started`` came.
"""

import math
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.devices import Device, device_identifier
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument
from adapters.mock.operator.apis.location_verification import Circle
from adapters.mock.operator.apis.operation import Identifier, Managing, Operation, PhoneNumber, Question, unasked
from adapters.mock.operator.network.geometry import distance_m
from adapters.mock.operator.notifications.kinds import KINDS, Area
from adapters.mock.operator.notifications.sinks import BadSink, check_sink
from adapters.mock.operator.notifications.subscriptions import Credential, Subscription

LIFETIME_MAX = timedelta(days=90)
"""The longest that this operator goes on; who wants more gets this."""
TOKEN_LENGTH_MAX = 4096
Protocol = Literal["HTTP", "MQTT3", "MQTT5", "AMQP", "NATS", "KAFKA"]
Instant = Annotated[datetime, Meta(tz=True)]
Status = Literal["ACTIVE"]
MULTIPLE = (422, "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED")
ONE_TYPE_SAID_SO = frozenset(
    {"device-roaming-status-subscriptions", "device-reachability-status-subscriptions", "geofencing-subscriptions"}
)
"""APIs with a code of their own for more than one type; to the others that is a body that does not fit."""
WITHOUT_CONFLICT = frozenset({"geofencing-subscriptions"})
"""APIs that document no 409."""


class PhoneDetail(msgspec.Struct, frozen=True, rename="camel"):
    """A number, unless the token names it."""

    phone_number: PhoneNumber | UnsetType = UNSET


class DeviceDetail(msgspec.Struct, frozen=True):
    """A device, unless the token names it."""

    device: Device | UnsetType = UNSET


class AreaDetail(msgspec.Struct, frozen=True):
    """A device, unless the token names it, and the area that it enters or leaves."""

    area: Circle
    device: Device | UnsetType = UNSET


class _Config(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    subscription_expire_time: Instant | UnsetType = UNSET
    subscription_max_events: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    initial_event: bool | UnsetType = UNSET


class PhoneConfig(_Config, frozen=True, rename="camel", kw_only=True):
    """What about, until when, how often."""

    subscription_detail: PhoneDetail


class DeviceConfig(_Config, frozen=True, rename="camel", kw_only=True):
    """What about, until when, how often, and whether the present state is told at once."""

    subscription_detail: DeviceDetail


class AreaConfig(_Config, frozen=True, rename="camel", kw_only=True):
    """What about, until when, how often, and whether the present state is told at once."""

    subscription_detail: AreaDetail


class HttpSettings(msgspec.Struct, frozen=True):
    """How to deliver; this operator has one way only."""

    headers: dict[str, str] | UnsetType = UNSET
    method: Literal["POST"] | UnsetType = UNSET


class _Request(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    protocol: str
    sink: str
    types: Annotated[list[str], Meta(min_length=1, max_length=20)]
    sink_credential: dict[str, Any] | UnsetType = UNSET
    protocol_settings: HttpSettings | UnsetType = UNSET


class PhoneSubscriptionRequest(_Request, frozen=True, rename="camel", kw_only=True):
    """Tell this sink about a number."""

    config: PhoneConfig


class DeviceSubscriptionRequest(_Request, frozen=True, rename="camel", kw_only=True):
    """Tell this sink about a device."""

    config: DeviceConfig


class AreaSubscriptionRequest(_Request, frozen=True, rename="camel", kw_only=True):
    """Tell this sink about a device and an area."""

    config: AreaConfig


class SubscriptionView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A subscription as it is told back: never with its credential, and with its subject only if a body named it."""

    id: str
    protocol: Protocol
    sink: str
    types: list[str]
    config: dict[str, Any]
    starts_at: datetime
    expires_at: datetime | UnsetType = UNSET
    status: Status = "ACTIVE"


def _check(dialect: Dialect, body: Any) -> None:
    prefix = f"org.camaraproject.{dialect.api}.v0."
    if any(name.removeprefix(prefix) not in KINDS[dialect.api] or not name.startswith(prefix) for name in body.types):
        raise invalid_argument("a type is not one of this API's")
    if len(body.types) > 1:
        code = MULTIPLE if dialect.api in ONE_TYPE_SAID_SO else (400, "INVALID_ARGUMENT")
        raise CamaraError(*code, "One type of event for each subscription.")
    if dialect.commonalities != "0.8" and body.protocol not in get_args(Protocol):
        raise invalid_argument("protocol is none of CloudEvents'")
    if body.protocol != "HTTP":
        raise CamaraError(400, "INVALID_PROTOCOL", "Only HTTP is supported.")
    if isinstance(body.sink_credential, dict):
        _check_credential(dialect, body.sink_credential)


def _check_credential(dialect: Dialect, given: dict[str, Any]) -> None:
    """``PLAIN`` and ``REFRESHTOKEN`` are in the enumeration, and not allowed (event subscription guide)."""
    kind = given.get("credentialType")
    if kind == "PRIVATE_KEY_JWT" and dialect.commonalities == "0.8":
        raise CamaraError(422, "PRIVATE_KEY_JWT_NOT_CONFIGURED", "No client key was agreed for this sink.")
    unknown = isinstance(kind, str) and kind != "ACCESSTOKEN" and dialect.commonalities == "0.8"
    if unknown or kind in {"PLAIN", "REFRESHTOKEN", "PRIVATE_KEY_JWT"}:
        raise CamaraError(400, "INVALID_CREDENTIAL", "Only access tokens are supported.")
    if kind != "ACCESSTOKEN":
        raise invalid_argument("credentialType is missing or unknown")
    if given.get("accessTokenType") != "bearer":
        raise CamaraError(400, "INVALID_TOKEN", "Only bearer tokens are supported.")
    token = given.get("accessToken")
    printable = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
    if not printable or not 0 < len(str(token)) <= TOKEN_LENGTH_MAX:
        raise CamaraError(400, "INVALID_TOKEN", "The access token cannot be used.")
    _expiry(given)


def _expiry(given: dict[str, Any]) -> datetime:
    try:
        return msgspec.convert(given.get("accessTokenExpiresUtc"), Instant)
    except msgspec.ValidationError as error:
        raise invalid_argument("accessTokenExpiresUtc must be an instant with zone") from error


def _scope_of(dialect: Dialect, body: Any) -> str:
    return f"{dialect.api}:{body.types[0]}:create"


def _phone(body: Any) -> Identifier | None:
    number = body.config.subscription_detail.phone_number
    return None if number is UNSET else Identifier(number)


def _device(body: Any) -> Identifier | None:
    return device_identifier(body.config.subscription_detail)


def _create(question: Question) -> SubscriptionView:
    body, now = question.body, question.now
    _refuse_sink(question)
    subscription = Subscription(
        id=str(uuid.uuid4()),
        api=question.dialect.api,
        source=f"{question.around.issuer}{question.dialect.base_path}/subscriptions",
        kind=body.types[0].rpartition(".")[2],
        client_id=question.client_id,
        phone_number=question.phone_number,
        named=_named(question),
        reported=_reported(question),
        sink=body.sink,
        config=_config(question),
        starts_at=now,
        seen_until=now,
        lifecycle=_lifecycle(question.dialect),
        expires_at=_expires_at(question),
        events_left=None if body.config.subscription_max_events is UNSET else body.config.subscription_max_events,
        credential=_credential(question),
        area=_area(question),
    )
    _refuse_twin(question, subscription)
    try:
        question.around.notifier.begin(subscription, initial=body.config.initial_event is True)
    except ValueError as error:
        raise CamaraError(429, "QUOTA_EXCEEDED", str(error)) from error
    return _view(question.local, subscription)


def _refuse_sink(question: Question) -> None:
    try:
        check_sink(question.body.sink, question.around.sink_hosts)
    except BadSink as error:
        raise CamaraError(400, "INVALID_SINK", f"The sink is not allowed: {error}.") from error


def _lifecycle(dialect: Dialect) -> frozenset[str]:
    new = ("subscription-started", "subscription-ended")
    return frozenset({"subscription-ends"} if dialect.commonalities in {"0.4", "0.5"} else new)


def _named(question: Question) -> dict[str, Any]:
    if not question.two_legged:
        return {}
    number = {"phoneNumber": question.phone_number}
    return number if question.dialect.api == "sim-swap-subscriptions" else {"device": number}


def _reported(question: Question) -> dict[str, Any]:
    """sim-swap-subscriptions up to 0.2.0 demands the number in its event, also where the token stood for it."""
    demanded = question.dialect.api == "sim-swap-subscriptions" and question.dialect.version in {"0.1.2", "0.2.0"}
    return {"phoneNumber": question.phone_number} if demanded else _named(question)


def _config(question: Question) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(question.body.config)
    detail = told["subscriptionDetail"]
    detail.pop("device", None)
    # Before 0.2.0 an answer names the number, whoever gave it.
    oldest = (question.dialect.api, question.dialect.version) == ("sim-swap-subscriptions", "0.1.2")
    return told | {"subscriptionDetail": detail | (_reported(question) if oldest else _named(question))}


def _expires_at(question: Question) -> datetime | None:
    wanted: datetime | UnsetType = question.body.config.subscription_expire_time
    if isinstance(wanted, UnsetType):
        return None
    if wanted <= question.now:
        raise invalid_argument("subscriptionExpireTime is over")
    return min(wanted, question.now + LIFETIME_MAX)


def _credential(question: Question) -> Credential | None:
    given = question.body.sink_credential
    if given is UNSET:
        return None
    expires_at = _expiry(given)
    if expires_at <= question.now:
        raise CamaraError(400, "INVALID_TOKEN", "The access token has expired.")
    return Credential(given["accessToken"], expires_at)


def _area(question: Question) -> Area | None:
    circle = getattr(question.body.config.subscription_detail, "area", None)
    if circle is None:
        return None
    center, geography = circle.center, question.geography
    if not math.isfinite(circle.radius) or circle.radius < 1:
        raise invalid_argument("radius must be at least a metre")
    if circle.radius < geography.minimum_radius_m:
        raise CamaraError(422, "GEOFENCING_SUBSCRIPTIONS.INVALID_AREA", "The area is too small for this network.")
    home = geography.home
    if distance_m(home.latitude, home.longitude, center.latitude, center.longitude) > geography.coverage_radius_m:
        raise CamaraError(422, "GEOFENCING_SUBSCRIPTIONS.AREA_NOT_COVERED", "The network does not reach there.")
    return Area(center.latitude, center.longitude, circle.radius)


def _refuse_twin(question: Question, new: Subscription) -> None:
    """The same about the same for the same sink would tell everything twice."""
    token_subject = None if question.two_legged else question.phone_number
    for kept in question.around.notifier.subscriptions.of(new.api, new.client_id, token_subject):
        same = (kept.phone_number, kept.kind, kept.sink, kept.area) == (new.phone_number, new.kind, new.sink, new.area)
        if same and new.api not in WITHOUT_CONFLICT:
            raise CamaraError(409, "ALREADY_EXISTS", "There is such a subscription already.")


def _view(local: Callable[[datetime], datetime], subscription: Subscription) -> SubscriptionView:
    expires_at = subscription.expires_at
    return SubscriptionView(
        id=subscription.id,
        protocol="HTTP",
        sink=subscription.sink,
        types=[subscription.type_of(subscription.kind)],
        config=subscription.config,
        starts_at=local(subscription.starts_at),
        expires_at=UNSET if expires_at is None else local(expires_at),
    )


def _own(managing: Managing) -> list[Subscription]:
    managing.around.notifier.look()
    return managing.around.notifier.subscriptions.of(managing.dialect.api, managing.client_id, managing.phone_number)


def _one(managing: Managing) -> Subscription:
    """Somebody else's subscription does not exist."""
    for subscription in _own(managing):
        if subscription.id == managing.resource:
            return subscription
    raise CamaraError(404, "NOT_FOUND", "There is no such subscription.")


def _list(managing: Managing) -> list[SubscriptionView]:
    return [_view(managing.local, subscription) for subscription in _own(managing)]


def _read(managing: Managing) -> SubscriptionView:
    return _view(managing.local, _one(managing))


def _delete(managing: Managing) -> None:
    managing.around.notifier.end(_one(managing), managing.now, "SUBSCRIPTION_DELETED")


def operations(
    api: str, body: type[msgspec.Struct], identifier: Callable[[Any], Identifier | None]
) -> tuple[Operation, ...]:
    """The four operations of one of these APIs."""
    name = "".join(part.capitalize() for part in api.removesuffix("-subscriptions").split("-"))
    reading, deleting = frozenset({f"{api}:read"}), frozenset({f"{api}:delete"})
    return (
        Operation(
            method="POST",
            path="/subscriptions",
            name=f"create{name}Subscription",
            summary="Be told when something happens",
            scopes=frozenset(f"{api}:org.camaraproject.{api}.v0.{kind}:create" for kind in KINDS[api]),
            scope_of=_scope_of,
            body=body,
            check=_check,
            identifier=identifier,
            answer_type=SubscriptionView,
            answer=_create,
            status=201,
        ),
        Operation(
            method="GET",
            path="/subscriptions",
            name=f"retrieve{name}SubscriptionList",
            summary="The subscriptions of this client",
            scopes=reading,
            answer_type=list[SubscriptionView],
            answer=unasked,
            manage=_list,
        ),
        Operation(
            method="GET",
            path="/subscriptions/{subscriptionId}",
            name=f"retrieve{name}Subscription",
            summary="One subscription of this client",
            scopes=reading,
            answer_type=SubscriptionView,
            answer=unasked,
            manage=_read,
        ),
        Operation(
            method="DELETE",
            path="/subscriptions/{subscriptionId}",
            name=f"delete{name}Subscription",
            summary="Be told no more",
            scopes=deleting,
            answer_type=None,
            answer=unasked,
            manage=_delete,
            status=204,
        ),
    )


SUBSCRIPTIONS: dict[str, tuple[Operation, ...]] = {
    "sim-swap-subscriptions": operations("sim-swap-subscriptions", PhoneSubscriptionRequest, _phone),
    "geofencing-subscriptions": operations("geofencing-subscriptions", AreaSubscriptionRequest, _device),
    **{
        api: operations(api, DeviceSubscriptionRequest, _device)
        for api in (
            "device-roaming-status-subscriptions",
            "device-reachability-status-subscriptions",
            "connected-network-type-subscriptions",
        )
    },
}
