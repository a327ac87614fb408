"""iot-sim-fraud-prevention: is the SIM tied to its device and its place? Release 0.1.0, the operation ``query``.

``bind`` and ``unbind`` change the network and are no questions; they are not spoken. Which device and which area is
dropped where it arrives: that there is a tie is enough.
"""

from typing import Literal

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import SignalName, SimBinding

_QUERY = "query"


class _DeviceTie(msgspec.Struct):
    status: Literal["BOUND", "UNBOUND"] = msgspec.field(name="bindStatus")


class _DeviceAnswer(msgspec.Struct):
    """No member is marked required; without the one asked for there is no answer."""

    tie: _DeviceTie = msgspec.field(name="imeiBind")


class _AreaTie(msgspec.Struct):
    status: Literal["RESTRICTED", "UNRESTRICTED"] = msgspec.field(name="areaLimitStatus")


class _AreaAnswer(msgspec.Struct):
    tie: _AreaTie = msgspec.field(name="areaLimit")


_DEVICES, _AREAS = Reader(_DeviceAnswer), Reader(_AreaAnswer)


async def ask(line: ApiLine) -> Reading:
    """Both ties, one question each."""
    device = await line.post(_QUERY, {**line.device_body, "queryType": "IMEIBIND"}, _DEVICES)
    area = await line.post(_QUERY, {**line.device_body, "queryType": "AREALIMIT"}, _AREAS)
    return Reading(SimBinding(device.tie.status == "BOUND", area.tie.status == "RESTRICTED"))


VERSIONS = (
    ApiVersion(
        SignalName.SIM_BINDING,
        "iot-sim-fraud-prevention",
        "0.1.0",
        "/iot-sim-fraud-prevention/v0.1",
        {_QUERY: "iot-sim-fraud-prevention:query"},
        ask,
    ),
)
