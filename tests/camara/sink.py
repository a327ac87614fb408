"""Where an operator's notifications arrive: one server, and a path of its own for each scenario."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

WAIT_S = 5.0
"""How long an event may be on its way."""


class Arrival(NamedTuple):
    """One notification as it came."""

    path: str
    headers: dict[str, str]
    event: dict[str, Any]


class Sink:
    """Keeps what arrives, and answers 204."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._arrivals: list[Arrival] = []
        self._changed = threading.Condition()

    def take(self, arrival: Arrival) -> None:
        """Keep a notification."""
        with self._changed:
            self._arrivals.append(arrival)
            self._changed.notify_all()

    def first(self, path: str, wanted: Callable[[dict[str, Any]], bool]) -> Arrival | None:
        """The first event at a path that is wanted; nothing, where none comes in time."""

        def found() -> Arrival | None:
            return next((one for one in self._arrivals if one.path == path and wanted(one.event)), None)

        with self._changed:
            return self._changed.wait_for(found, WAIT_S)


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink on a free loopback port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            sink.take(Arrival(self.path, headers, json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink = Sink(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
