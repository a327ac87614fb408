"""The outermost layer: whatever answers, also a 404 of the router, echoes ``x-correlator`` and is in the journal."""

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from adapters.mock.operator.apis.dialects import CORRELATOR_ANY
from adapters.mock.operator.journal import Journal, JournalEntry

ENTRY_KEY = "mock-operator-entry"
CONTROL_PREFIX = "/control"


class Edge:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, journal: Journal, *, echo: bool = True) -> None:
        self._app = app
        self._echo = echo
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a journal entry in its state unless it is for the control API."""
        if scope["type"] == ScopeType.HTTP:
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        correlator = _correlator(scope)
        entry = None
        if not scope["path"].startswith(CONTROL_PREFIX):
            entry = self._journal.begin(str(scope["method"]), scope["path"], correlator)
            scope.setdefault("state", {})[ENTRY_KEY] = entry
        await self._app(scope, receive, _completing(send, correlator if self._echo else None, entry))


def _correlator(scope: HTTPScope) -> str | None:
    """The header as it can be echoed: absent, empty or unprintable ones are not."""
    for name, value in scope["headers"]:
        if name == b"x-correlator":
            text: str = value.decode("latin-1")
            # Defensive: what comes back in a header, and stays in the journal, is bounded and printable.
            return text if CORRELATOR_ANY.fullmatch(text) else None
    return None


def _completing(send: Send, correlator: str | None, entry: JournalEntry | None) -> Send:
    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            if entry is not None:
                entry.status = message["status"]
            if correlator is not None:
                headers: Any = message.setdefault("headers", [])
                message["headers"] = [*headers, (b"x-correlator", correlator.encode())]
        await send(message)

    return complete
