"""What both clients share of HTTP: how a request goes out, what is taken of an answer, and what silence means."""

import time
from typing import Any

import httpx

from broker.client._exchange import BODY_BYTES_MAX, Ask, Reply, Silence

# Defensive: a proxy from the environment would see the key and every number; a redirect would carry both elsewhere; and
# two hundred kilobytes of gzip are two hundred megabytes.
SAFE: Any = {"trust_env": False, "follow_redirects": False, "headers": {"accept-encoding": "identity"}}


class Unwanted(Exception):
    """The body is larger than any answer, came too slowly, or is packed although nobody asked for that."""


class Intake:
    """Takes a body piece by piece. Defensive: a timeout of the socket bounds each piece and not the whole."""

    def __init__(self, timeout_s: float) -> None:
        self._body = bytearray()
        self._ends_s = time.monotonic() + timeout_s

    def begin(self, response: httpx.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Unwanted

    def take(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > BODY_BYTES_MAX or time.monotonic() > self._ends_s:
            raise Unwanted

    def reply(self, response: httpx.Response) -> Reply:
        return Reply(response.status_code, response.headers, bytes(self._body))


def request(ask: Ask) -> Any:
    return {
        "method": ask.method,
        "url": ask.path,
        "headers": dict(ask.headers),
        "content": ask.body,
        "timeout": ask.timeout_s,
    }


def silence(error: Exception) -> Silence:
    """Only a connection that was never made is sure to have carried nothing."""
    before = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return Silence(type(error).__name__.strip("_"), arrived=not isinstance(error, before))
