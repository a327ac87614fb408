"""device-swap: how long ago the number first appeared in the device it is in. Releases 0.1.0 to 1.1.0.

1.1.0 is known from its release notes: an unknown number is ``IDENTIFIER_NOT_FOUND`` only.
"""

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.camara.swap import CHECK, DATE, DateAnswer, ask_age
from broker.adapter_kit.wire import Reader
from broker.domain.signal import SignalName, Unavailability

_NAME, _API = SignalName.DEVICE_SWAP, "device-swap"
_SCOPES = {DATE: "device-swap:retrieve-date", CHECK: "device-swap:check"}


class _DeviceDate(DateAnswer):
    date: str | None = msgspec.field(name="latestDeviceChange")


_DATES = Reader(_DeviceDate)


async def ask(line: ApiLine) -> Reading:
    """The age of the last change of device; the first use of a new line counts as one."""
    return await ask_age(line, _DATES)


VERSIONS = (
    ApiVersion(_NAME, _API, "0.1.0", "/device-swap/v0.1", _SCOPES, ask, Unavailability.UNKNOWN_SUBSCRIBER),
    ApiVersion(_NAME, _API, "0.2.0", "/device-swap/v0.2", _SCOPES, ask),
    ApiVersion(_NAME, _API, "1.0.0", "/device-swap/v1", _SCOPES, ask),
    ApiVersion(_NAME, _API, "1.1.0", "/device-swap/v1", _SCOPES, ask, from_notes=True),
)
