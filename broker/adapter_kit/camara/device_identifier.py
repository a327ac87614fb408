"""device-identifier: what kind of device is the SIM in? Releases 0.2.0, 0.3.0, and 0.4.0-alpha.1.

Only ``retrieve-type`` is asked. The operations that give the number of the single device are not used: the kind is
enough to see that it changed.
"""

import re

import msgspec

from broker.adapter_kit.camara.device_status import age_s
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import DeviceModel, SignalName

_TYPE = "retrieve-type"
_SCOPES = {_TYPE: "device-identifier:retrieve-type"}
_TAC = re.compile(r"[0-9]{8}\Z")
_TEXT_MAX = 64


class _TypeAnswer(msgspec.Struct):
    tac: str
    checked_at: str | None = msgspec.field(default=None, name="lastChecked")
    model: str | None = None
    manufacturer: str | None = None


_ANSWERS = Reader(_TypeAnswer)


async def ask(line: ApiLine) -> Reading:
    """The type allocation code (3GPP TS 23.003: eight digits) and the names that go with it."""
    answer = await line.post(_TYPE, line.device_body, _ANSWERS)
    if not _TAC.match(answer.tac):
        raise malformed(KitCode.ABSURD_VALUE)
    checked_age_s = age_s(line, answer.checked_at, required=False)
    return Reading(DeviceModel(answer.tac, _short(answer.model), _short(answer.manufacturer), checked_age_s))


def _short(text: str | None) -> str | None:
    """Defensive: a name is an operator's free text; what is not short and printable is refused, not passed on."""
    if text is not None and not (len(text) <= _TEXT_MAX and text.isprintable()):
        raise malformed(KitCode.ABSURD_VALUE)
    return text or None


VERSIONS = tuple(
    ApiVersion(SignalName.DEVICE_IDENTITY, "device-identifier", version, base_path, _SCOPES, ask)
    for version, base_path in (
        ("0.2.0", "/device-identifier/v0.2"),
        ("0.3.0", "/device-identifier/v0.3"),
        ("0.4.0-alpha.1", "/device-identifier/v0.4alpha1"),
    )
)
