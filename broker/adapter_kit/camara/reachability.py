"""device-reachability-status: does the network reach the device? Releases 0.6.1 to 1.1.0."""

from functools import partial
from typing import Literal

import msgspec

from broker.adapter_kit.camara.device_status import age_s
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import Channel, Reachability, SignalName, Unavailability

_RETRIEVE = "retrieve"
_NAME, _API = SignalName.REACHABILITY, "device-reachability-status"
_SCOPES = {_RETRIEVE: "device-reachability-status:read"}


class _OldAnswer(msgspec.Struct):
    """0.6.1: one word for whether and how."""

    status: Literal["CONNECTED_DATA", "CONNECTED_SMS", "NOT_CONNECTED"] = msgspec.field(name="reachabilityStatus")
    status_at: str | None = msgspec.field(default=None, name="lastStatusTime")


class _ReachabilityAnswer(msgspec.Struct):
    reachable: bool
    connectivity: tuple[Literal["DATA", "SMS"], ...] = ()
    status_at: str | None = msgspec.field(default=None, name="lastStatusTime")


_OLD_ANSWERS, _ANSWERS = Reader(_OldAnswer), Reader(_ReachabilityAnswer)
_OLD_CHANNELS = {"CONNECTED_DATA": Channel.DATA, "CONNECTED_SMS": Channel.SMS}
_CHANNELS = {"DATA": Channel.DATA, "SMS": Channel.SMS}


def read_old_word(status: str) -> frozenset[Channel]:
    """How a device is reached, in the words before 1.0.0, where ``CONNECTED_SMS`` is reachable by nothing else."""
    return frozenset({_OLD_CHANNELS[status]} if status in _OLD_CHANNELS else ())


async def ask_old(line: ApiLine) -> Reading:
    """Reachability in the words of 0.6.1."""
    answer = await line.post(_RETRIEVE, line.device_body, _OLD_ANSWERS)
    channels = read_old_word(answer.status)
    return Reading(Reachability(bool(channels), channels, age_s(line, answer.status_at, required=False)))


async def ask(line: ApiLine, *, time_required: bool) -> Reading:
    """Whether the device is reached, and over what where the operator says so."""
    answer = await line.post(_RETRIEVE, line.device_body, _ANSWERS)
    if answer.connectivity and not answer.reachable:
        raise malformed(KitCode.ABSURD_VALUE)
    channels = frozenset(_CHANNELS[word] for word in answer.connectivity)
    known_age_s = age_s(line, answer.status_at, required=time_required)
    return Reading(Reachability(answer.reachable, channels, known_age_s))


VERSIONS = (
    ApiVersion(
        _NAME,
        _API,
        "0.6.1",
        "/device-reachability-status/v0.6",
        _SCOPES,
        ask_old,
        Unavailability.UNKNOWN_SUBSCRIBER,
    ),
    ApiVersion(_NAME, _API, "1.0.0", "/device-reachability-status/v1", _SCOPES, partial(ask, time_required=False)),
    ApiVersion(_NAME, _API, "1.1.0", "/device-reachability-status/v1", _SCOPES, partial(ask, time_required=True)),
)
