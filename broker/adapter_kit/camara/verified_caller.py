"""verified-caller: announce a call that the tenant is about to make. Releases 0.1.0 and 0.2.0-alpha.1.

It says nothing about anybody who calls; it lets the called person see who does.
"""

from uuid import UUID

import msgspec

from broker.adapter_kit.camara.line import IdentifierRule, InstrumentVersion, Line
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import AnnounceCall, CallAnnounced
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.wire import Reader, later_instant, malformed
from broker.domain.instrument import InstrumentName

_ANNOUNCE = "pre-announce"
_CREATED, _NO_CONTENT = 201, 204


class _Answer(msgspec.Struct):
    reference: str | None = msgspec.field(default=None, name="preAnnouncementId")
    expires_at: str | None = msgspec.field(default=None, name="expiresAt")


_ANSWERS = Reader(_Answer)


async def carry_out(line: Line, order: AnnounceCall) -> CallAnnounced:
    """Announce it. Both parties are in the body; the token stands for nobody."""
    caller = order.caller.e164 if line.terms.phone_plus else order.caller.e164.removeprefix("+")
    given = {
        "callingParticipant": caller,
        "calledParticipant": line.phone,
        "strategy": order.strategy,
        "timeToLive": order.ttl_s,
        "registrationId": order.registration,
        "dynamicDisplayName": order.display_name,
    }
    body = {name: value for name, value in given.items() if value is not None}
    response = await line.call(_ANNOUNCE, body, done=(_CREATED, _NO_CONTENT))
    if response.status == _NO_CONTENT:
        return CallAnnounced()
    answer = line.read(response, _ANSWERS)
    expires_at = None if answer.expires_at is None else later_instant(answer.expires_at)
    return CallAnnounced(None if answer.reference is None else _uuid(answer.reference), expires_at)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise malformed(KitCode.WRONG_TYPE) from error


VERSIONS = tuple(
    InstrumentVersion(
        instrument=InstrumentName.CALL_ANNOUNCEMENT,
        api="verified-caller",
        version=version,
        base_path=base_path,
        scopes={_ANNOUNCE: "verified-caller:create"},
        carry_out=carry_out,
        identifier=IdentifierRule.ALWAYS,
        flows=frozenset({Flow.CLIENT_CREDENTIALS, Flow.API_KEY}),
    )
    for version, base_path in (("0.1.0", "/verified-caller/v0.1"), ("0.2.0-alpha.1", "/verified-caller/v0.2alpha1"))
)
