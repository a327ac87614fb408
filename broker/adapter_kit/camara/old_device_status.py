"""device-status 0.5.1: the one API from before the meta-releases for what became two. Answers carry no time."""

from typing import Literal

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, IdentifierRule, Reading
from broker.adapter_kit.camara.reachability import read_old_word
from broker.adapter_kit.camara.roaming import RoamingAnswer, read_roaming
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Reachability, SignalName, Unavailability

_API, _VERSION, _PATH = "device-status", "0.5.1", "/device-status/v0"
_CONNECTIVITY, _ROAMING = "connectivity", "roaming"


class _ConnectivityAnswer(msgspec.Struct):
    status: Literal["CONNECTED_DATA", "CONNECTED_SMS", "NOT_CONNECTED"] = msgspec.field(name="connectivityStatus")


_CONNECTIVITY_ANSWERS, _ROAMING_ANSWERS = Reader(_ConnectivityAnswer), Reader(RoamingAnswer)


async def ask_connectivity(line: ApiLine) -> Reading:
    """Whether the device is reached, by the one word of that time."""
    answer = await line.post(_CONNECTIVITY, line.device_body, _CONNECTIVITY_ANSWERS)
    channels = read_old_word(answer.status)
    return Reading(Reachability(bool(channels), channels))


async def ask_roaming(line: ApiLine) -> Reading:
    """Whether the device roams."""
    answer = await line.post(_ROAMING, line.device_body, _ROAMING_ANSWERS)
    return Reading(read_roaming(line, answer, time_required=False))


VERSIONS = (
    ApiVersion(
        SignalName.ROAMING,
        _API,
        _VERSION,
        _PATH,
        {_ROAMING: "device-status:roaming:read"},
        ask_roaming,
        Unavailability.UNKNOWN_SUBSCRIBER,
        IdentifierRule.ALWAYS,
    ),
    ApiVersion(
        SignalName.REACHABILITY,
        _API,
        _VERSION,
        _PATH,
        {_CONNECTIVITY: "device-status:connectivity:read"},
        ask_connectivity,
        Unavailability.UNKNOWN_SUBSCRIBER,
        IdentifierRule.ALWAYS,
    ),
)
