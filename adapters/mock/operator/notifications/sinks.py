"""Where notifications go, and how: to sinks that were allowed, with a few tries, never following anybody anywhere."""

import asyncio
import ipaddress
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

TIMEOUT_S = 3.0
WAITS_S = (0.1, 0.4, 1.6)
"""Before the second try, and so on. No retry is standardised; after the last one a notification is lost."""
AT_ONCE_MAX = 16
SINK_LENGTH_MAX = 2048
Outcome = Literal["delivered", "refused", "gone", "lost"]


class BadSink(Exception):
    """This address is not allowed as a sink."""


def check_sink(url: str, hosts: frozenset[str]) -> None:
    """Allow https to this machine and to the given hosts, and http to this machine alone.

    Defensive: without this, whoever may subscribe could make the operator send requests into its own network.

    Raises:
        BadSink: anything else.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadSink("it is no URL") from error
    printable = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not printable or len(url) > SINK_LENGTH_MAX or not host or "@" in parts.netloc or parts.fragment:
        raise BadSink("it must be a URL of printable ASCII, with a host and without user or fragment")
    allowed = {"https", "http"} if _is_loopback(host) else {"https"} if host in hosts else set()
    if parts.scheme not in allowed:
        raise BadSink("it must be https, at a host that this operator delivers to")


def _is_loopback(host: str) -> bool:
    """By its number only: a name could lead anywhere by the time that it is used."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Courier:
    """Delivers notifications over HTTP."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)

    async def deliver(self, sink: str, event: Mapping[str, Any], access_token: str | None) -> Outcome:
        """Try until the sink takes it, refuses it, or the tries are used up."""
        headers = {"content-type": "application/cloudevents+json", "x-correlator": str(uuid.uuid4())}
        if access_token is not None:
            headers["authorization"] = f"Bearer {access_token}"
        body = msgspec.json.encode(event)
        for wait_s in (*WAITS_S, None):
            status = await self._post(sink, headers, body)
            if status is not None and status < HTTPStatus.MULTIPLE_CHOICES:
                return "delivered"
            if status == HTTPStatus.GONE:
                return "gone"
            if status is not None and status != HTTPStatus.TOO_MANY_REQUESTS and status < 500:  # noqa: PLR2004
                return "refused"
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        return "lost"

    async def _post(self, sink: str, headers: Mapping[str, str], body: bytes) -> int | None:
        """The sink's status; its body is never read."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)
        try:
            async with (
                self._at_once,
                asyncio.timeout(TIMEOUT_S),
                self._client.stream("POST", sink, content=body, headers=headers) as response,
            ):
                return response.status_code
        except (httpx.HTTPError, TimeoutError):
            return None
