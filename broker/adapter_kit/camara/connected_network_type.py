"""connected-network-type: over which radio generation is the device connected? Release 0.2.0. A weak signal."""

from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault, seconds_between
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, instant
from broker.domain.signal import NetworkType, SignalName, Unavailability

_RETRIEVE = "retrieve"


class _TypeAnswer(msgspec.Struct):
    generation: Literal["2G", "3G", "4G", "5G", "UNKNOWN"] = msgspec.field(name="connectedNetworkType")
    status_at: str = msgspec.field(name="lastStatusTime")


_ANSWERS = Reader(_TypeAnswer)


async def ask(line: ApiLine) -> Reading:
    """The generation; ``UNKNOWN`` is no answer."""
    answer = await line.post(_RETRIEVE, line.device_body, _ANSWERS)
    if answer.generation == "UNKNOWN":
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.STATUS_UNKNOWN)
    now = line.clock.now()
    return Reading(NetworkType(int(answer.generation[0]), seconds_between(instant(answer.status_at, now), now)))


VERSIONS = (
    ApiVersion(
        SignalName.NETWORK_TYPE,
        "connected-network-type",
        "0.2.0",
        "/connected-network-type/v0.2",
        {_RETRIEVE: "connected-network-type:read"},
        ask,
    ),
)
