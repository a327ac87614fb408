"""subscription-status: do the line's services work? Release 0.1.0, whose path and scope are misspelt as released.

An operator that serves the corrected spelling says so with ``paths`` and ``scopes`` in its manifest.
"""

from typing import Literal

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import LineStatus, ServiceState, SignalName

_RETRIEVE = "retrive-subscription-status"


class _StatusAnswer(msgspec.Struct):
    voice_in: Literal["active", "suspended"] = msgspec.field(name="voiceSmsIn")
    voice_out: Literal["active", "suspended"] = msgspec.field(name="voiceSmsOut")
    data: Literal["active", "suspended", "throttled"] = msgspec.field(name="dataService")


_ANSWERS = Reader(_StatusAnswer)


async def ask(line: ApiLine) -> Reading:
    """The state of each service."""
    answer = await line.post(_RETRIEVE, line.phone_body, _ANSWERS)
    states = (answer.voice_in, answer.voice_out, answer.data)
    return Reading(LineStatus(*(ServiceState(state) for state in states)))


VERSIONS = (
    ApiVersion(
        SignalName.SUBSCRIPTION_STATUS,
        "subscription-status",
        "0.1.0",
        "/subscription-status/v0.1",
        {_RETRIEVE: "subscription-status:retrive-subscription-status"},
        ask,
    ),
)
