"""Have the person open a link where the client can do that: URL-mode elicitation of the revision of 2026-07-28.

The client shows the link, asks its user, opens it where neither client nor model can read the page, and sends the same
call again. Its ``accept`` only means that the user agreed to open it: what came of it, the check says. What it sends
back is the id of the check, which is no secret and is looked at like that of any other call, and a mark of the
arguments that it answers.
"""

import base64
import hmac
import json
from typing import Annotated, Any

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext

from broker.domain.phone import PhoneNumber
from broker.errors import BrokerError, InvalidRequest
from broker.surfaces import wire
from broker.surfaces.mcp import texts
from broker.surfaces.mcp.tools import Call

_SINCE = "2026-07-28"
_METHOD = "network_auth"
_LINK = "link"
_HOLD_S = 20.0
"""Clients give a call a minute, and some much less."""


class _State(msgspec.Struct, frozen=True):
    """What comes back with the second call."""

    state: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,64}\.[A-Za-z0-9_-]{43}$(?!\n)")]


def can_open_links(context: ServerRequestContext[Any, Any]) -> bool:
    """Whether this client declared URL mode; an older one cannot be asked over stateless HTTP."""
    capabilities = context.session.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return context.protocol_version >= _SINCE and elicitation is not None and elicitation.url is not None


async def link_for(call: Call, answer: bytes) -> types.InputRequiredResult | None:
    """The link that lets the person meet what this check asks; ``None`` where there is none to offer."""
    check = msgspec.json.decode(answer)
    if not any(step.get("method") == _METHOD for step in check["nextSteps"]):
        return None
    phone = PhoneNumber.parse(call.arguments["subject"]["phoneNumber"])
    try:
        challenge = await call.services.challenges.start(call.principal, check["id"], _METHOD, phone)
    except BrokerError:
        return None  # the answer stands without it, and names the ways there are
    if challenge.link is None or challenge.compare_code is None:
        return None
    message = texts.OPEN_LINK.format(code=challenge.compare_code)
    asked = types.ElicitRequest(params=types.ElicitRequestURLParams(url=challenge.link, message=message))
    return types.InputRequiredResult(input_requests={_LINK: asked}, request_state=_state(call, check["id"]))


async def came_back(call: Call, params: types.CallToolRequestParams) -> bytes:
    """The check of the first call: held for a while where the person agreed to open the link, else as it is.

    Raises:
        InvalidRequest: what came back is not what was given, or not with the arguments that it was given for.
        NotFound: the check is not the caller's.
    """
    try:
        sent = wire.convert({"state": params.request_state}, _State).state
    except InvalidRequest as error:
        raise InvalidRequest("this is not the state that was given: send the call anew, without one") from error
    # Defensive: the answer to one question must not be taken for the answer to another.
    check_id = sent.partition(".")[0]
    if not hmac.compare_digest(sent, _state(call, check_id)):
        raise InvalidRequest("this state is for other arguments: send those of the first call, or none of its state")
    answer = (params.input_responses or {}).get(_LINK)
    agreed = isinstance(answer, types.ElicitResult) and answer.action == "accept"
    shown = await call.services.await_check(call.principal, check_id, None, _HOLD_S if agreed else 0.0)
    return msgspec.json.encode(shown)


def _state(call: Call, check_id: str) -> str:
    """The check, and a keyed mark of it and its question: a plain digest would tell the number to whoever tries all."""
    said = json.dumps(["mcp.state", check_id, call.arguments], sort_keys=True)  # takes integers of any size
    mark = call.services.fingerprint(call.principal.tenant, said.encode())
    return f"{check_id}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode('ascii')}"
