"""How uvicorn is run, in earnest and in tests: limits that it has not, and nothing of ours in its headers or logs."""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from broker.surfaces.tls import ServedTls, extension, passed_on, shown

_PLAIN = ServedTls()
_SHUTDOWN_S = 10
_TOO_SLOW = STATUS_LINE[408] + b"content-length: 0\r\nconnection: close\r\n\r\n"


def configure(app: Any, *, request_read_s: float, tls: ServedTls = _PLAIN, **more: Any) -> uvicorn.Config:
    """The configuration of a server that gives each request ``request_read_s`` seconds to arrive."""
    return uvicorn.Config(
        app,
        http=reading_within(request_read_s, tls.proxies),
        log_config=None,
        access_log=False,
        server_header=False,
        # Defensive: nothing of ours goes by a client's address or scheme, so no header may say what they are. uvicorn
        # would believe X-Forwarded-* from this machine, and from everywhere where FORWARDED_ALLOW_IPS says so.
        proxy_headers=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        **tls.options(),
        **more,
    )


def reading_within(limit_s: float, proxies: Sequence[str] = ()) -> type[asyncio.Protocol]:
    """The HTTP protocol with a limit in seconds on the time that a request takes to arrive; see :mod:`tls`."""
    return type("Reading", (_Reading,), {"limit_s": limit_s, "proxies": frozenset(proxies)})


class _Reading(HttpToolsProtocol):
    """Cuts off whoever takes longer than ``limit_s`` from the first byte of a request to its last one.

    Headers and body count together. Defensive: uvicorn waits for a slow sender for good, byte by byte (slowloris).
    Between two requests its own keep-alive time counts; a fresh connection has ``limit_s`` for its first.
    """

    limit_s: float
    proxies: frozenset[str] = frozenset()
    _shown: str | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._shown = shown(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        self._begin()
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        certificate = self._shown or passed_on(self.headers, self.client[0] if self.client else None, self.proxies)
        if certificate is not None:
            self.scope["extensions"] = extension(certificate)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.limit_s, self._give_up)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        # An answer that is being written must not get another one into its middle.
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_TOO_SLOW)
        self.transport.close()
