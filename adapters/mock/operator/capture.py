"""The page behind a ``captureUrl``: here a link that a test opens instead of the subscriber, and a redirection back.

Whoever holds the link decides; a real operator would authenticate the subscriber first.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.network.captures import CAPTURE_PATH, Capture
from adapters.mock.operator.network.events import Consent, Entry
from adapters.mock.operator.world import World

STATE_LENGTH_MAX = 512
Decision = Literal["granted", "partial_grant", "denied", "error", "timeout"]


def capture_route(world: World) -> HTTPRouteHandler:
    """The handler of capture links."""

    @get(
        CAPTURE_PATH + "/{ticket:str}",
        operation_id="captureConsent",
        summary="Decide about what a captureUrl asks for, in the place of the subscriber",
        status_code=200,
        tags=["consent"],
    )
    async def capture(
        ticket: FromPath[str],
        decision: FromQuery[Decision] = "granted",
        consumer_state: Annotated[str, QueryParameter(name="state", max_length=STATE_LENGTH_MAX)] = "",
    ) -> Response[Any]:
        asked = world.captures.take(ticket)
        if asked is None:
            raise CamaraError(404, "NOT_FOUND", "This link was used, or never given.")
        _decide(world, asked, decision)
        if asked.callback_url is None:
            return Response({"capture_result": decision})
        return Response(
            None, status_code=302, headers={"location": _back(asked.callback_url, decision, consumer_state)}
        )

    return capture


def _decide(world: World, asked: Capture, decision: Decision) -> None:
    """Let the events happen that the decision means; a partial grant permits the first API alone."""
    subscriber = world.directory.known(asked.phone_number)
    if subscriber is None or decision in {"error", "timeout"}:
        return
    now = world.clocks.network_now()
    for index, api in enumerate(asked.apis):
        granted = decision == "granted" or (decision == "partial_grant" and index == 0)
        subscriber.add(Entry(now, Consent(granted=granted, api=api, reason="DENIED")))


def _back(callback_url: str, decision: str, state: str) -> str:
    """The callback with what was decided, and the consumer's state unchanged; nothing about the subscriber."""
    parameters = {"capture_result": decision} | ({"state": state} if state else {})
    joint = "&" if urlsplit(callback_url).query else "?"
    return callback_url + joint + urlencode(parameters)
