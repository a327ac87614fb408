"""call-forwarding-signal: are all calls to the number diverted? Releases 0.3.0 and 0.4.0, and the names of 0.5.0-rc.1.

Conditional forwarding to voicemail is normal and is not asked about. The candidate is known from its release notes,
which rename path and scope.
"""

from functools import partial

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Flag, SignalName

_NAME, _API = SignalName.CALL_FORWARDING, "call-forwarding-signal"
_UNCONDITIONAL = "unconditional-call-forwardings"
_SCOPES = {_UNCONDITIONAL: "call-forwarding-signal:unconditional-call-forwardings:read"}
_CHECK = "check-unconditional-forwarding"
_NEW_SCOPES = {_CHECK: "call-forwarding-signal:unconditional-forwarding:check"}


class _ForwardingAnswer(msgspec.Struct):
    """``active`` is not marked required in the YAML; without it there is no answer, so here it is."""

    active: bool


_ANSWERS = Reader(_ForwardingAnswer)


async def ask(line: ApiLine, *, operation: str) -> Reading:
    """Whether unconditional forwarding is on."""
    answer = await line.post(operation, line.phone_body, _ANSWERS)
    return Reading(Flag(answer.active))


_OLD, _NEW = partial(ask, operation=_UNCONDITIONAL), partial(ask, operation=_CHECK)
VERSIONS = (
    ApiVersion(_NAME, _API, "0.3.0", "/call-forwarding-signal/v0.3", _SCOPES, _OLD),
    ApiVersion(_NAME, _API, "0.4.0", "/call-forwarding-signal/v0.4", _SCOPES, _OLD),
    ApiVersion(_NAME, _API, "0.5.0-rc.1", "/call-forwarding-signal/v0.5rc1", _NEW_SCOPES, _NEW, from_notes=True),
)
