"""One attempt to deliver one event: POST, a short wait, and what the answer means."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.transport import Transport, TransportLimits, WireRequest, open_guarded_transport
from broker.events import addresses
from broker.events.compose import CONTENT_TYPE

_ANSWER_BYTES_MAX = 16_384
_AGENT = "trust-broker-webhooks"


class Attempt(msgspec.Struct, frozen=True):
    """What came of it: ``delivered``, ``failed`` (try again), or ``gone`` (the receiver wants nothing any more).

    ``code`` says how it failed, from a closed list of ours; ``asked_s`` is the receiver's ``Retry-After``.
    """

    result: Literal["delivered", "failed", "gone"]
    code: str = ""
    asked_s: float | None = None


def open_sender(*, private: bool, connections_max: int) -> Transport:
    """The way out for events; to public addresses only, unless ``private``."""
    limits = TransportLimits(connections_max=connections_max, keepalive_s=15.0, body_bytes_max=_ANSWER_BYTES_MAX)
    return open_guarded_transport(limits, addresses.is_any if private else addresses.is_public)


async def send(transport: Transport, url: str, signed: Mapping[str, str], body: bytes, timeout_s: float) -> Attempt:
    """Send once. Nothing is followed, and of the answer only status and ``Retry-After`` count."""
    given = {"content-type": CONTENT_TYPE, "user-agent": _AGENT, **signed}
    headers = tuple((name.encode("ascii"), value.encode("ascii")) for name, value in given.items())
    try:
        answer = await transport.send(WireRequest("POST", url, headers, body), timeout_s=timeout_s)
    except OperatorFault as fault:
        # The status came before whatever was wrong with the rest, and the rest is of no interest.
        return _meaning(fault.status, {}, fault.code) if fault.status else Attempt("failed", str(fault.code))
    return _meaning(answer.status, answer.headers, "")


def _meaning(status: int, headers: Mapping[str, str], code: str) -> Attempt:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Attempt("delivered")
    if status == HTTPStatus.GONE:
        return Attempt("gone", "GONE")
    asked = headers.get("retry-after", "")
    return Attempt("failed", code or f"HTTP_{status}", float(asked) if asked.isascii() and asked.isdigit() else None)
