"""call-forwarding-signal: are all calls to the number diverted? Releases 0.3.0 and 0.4.0, the unconditional operation.

Conditional forwarding to voicemail is normal and is not asked about.
"""

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Flag, SignalName

_UNCONDITIONAL = "unconditional-call-forwardings"
_SCOPES = {_UNCONDITIONAL: "call-forwarding-signal:unconditional-call-forwardings:read"}


class _ForwardingAnswer(msgspec.Struct):
    """``active`` is not marked required in the YAML; without it there is no answer, so here it is."""

    active: bool


_ANSWERS = Reader(_ForwardingAnswer)


async def ask(line: ApiLine) -> Reading:
    """Whether unconditional forwarding is on."""
    body: dict[str, object] = {} if line.identifier is None else {"phoneNumber": line.identifier}
    answer = await line.post(_UNCONDITIONAL, body, _ANSWERS)
    return Reading(Flag(answer.active))


VERSIONS = tuple(
    ApiVersion(SignalName.CALL_FORWARDING, "call-forwarding-signal", version, base_path, _SCOPES, ask)
    for version, base_path in (("0.3.0", "/call-forwarding-signal/v0.3"), ("0.4.0", "/call-forwarding-signal/v0.4"))
)
