"""Where notifications arrive: a real HTTP server on loopback that keeps what it gets and answers as it was told."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

WAIT_S = 10.0


class Arrival(NamedTuple):
    """One request as it came."""

    headers: dict[str, str]
    event: dict[str, Any]
    body: bytes = b""

    @property
    def name(self) -> str:
        """The last part of the event's type."""
        return str(self.event["type"].rpartition(".")[2])

    @property
    def data(self) -> dict[str, Any]:
        """What is told, apart from the id of the subscription."""
        return {name: value for name, value in self.event["data"].items() if name != "subscriptionId"}


class Sink:
    """``statuses`` are answered in order, then 204 for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.location: str | None = None
        self._arrivals: list[Arrival] = []
        self._changed = threading.Condition()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a request; the status to answer."""
        with self._changed:
            self._arrivals.append(Arrival(headers, json.loads(body), body))
            self._changed.notify_all()
            return self.statuses.pop(0) if self.statuses else 204

    def wait_for(self, *names: str) -> list[Arrival]:
        """Until exactly these events have come, in this order; repeated deliveries count."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self._arrivals) >= len(names), WAIT_S)
            arrived = [arrival.name for arrival in self._arrivals]
            assert came, arrived
            assert arrived == list(names)
            return list(self._arrivals)

    def arrivals(self) -> list[Arrival]:
        """What has come so far."""
        with self._changed:
            return list(self._arrivals)

    def forget(self) -> None:
        """Start counting anew."""
        with self._changed:
            self._arrivals.clear()


@contextmanager
def running_sink(statuses: Sequence[int] = ()) -> Iterator[Sink]:
    """A sink on a free port."""
    sink = Sink()
    sink.statuses = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = sink.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            if sink.location is not None:
                self.send_header("location", sink.location)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.url = f"http://127.0.0.1:{server.server_address[1]}/notifications"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
