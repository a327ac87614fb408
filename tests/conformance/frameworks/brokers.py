"""What the scenes need around them: brokers that are broken in one way each, and somebody who confirms."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from adapters.mock.phone import Phone

_PROBLEM = {"title": "x", "status": 500, "code": "INTERNAL", "detail": "the broker failed; nothing was decided"}
_ANSWERS: dict[str, tuple[int, bytes]] = {
    "failing": (500, json.dumps(_PROBLEM).encode()),
    "overloaded": (503, json.dumps(_PROBLEM | {"status": 503, "code": "OVERLOADED"}).encode()),
    "html": (200, b"<html>allow</html>"),
    "empty": (200, b"{}"),
    "bare-allow": (200, b'{"decision": "allow", "status": "settled"}'),
}


@contextmanager
def broken_brokers() -> Iterator[str]:
    """Where they are; the first part of the path chooses the way. ``slow`` answers nothing until all is over."""
    over = threading.Event()

    def answer(path: str, _body: bytes) -> tuple[int, bytes]:
        way = path.split("/")[1]
        if way == "slow":
            over.wait(60)
        return _ANSWERS.get(way, (404, b"{}"))

    with _serving(answer) as url:
        try:
            yield url
        finally:
            over.set()


@contextmanager
def person() -> Iterator[str]:
    """Where to say that the person has the link of a challenge: their phone opens it over mobile data and taps."""

    def agree(_path: str, body: bytes) -> tuple[int, bytes]:
        told = json.loads(body)
        phone = Phone(told["phone"])
        try:
            last = phone.tap(told["link"], phone.look(told["link"]))
        finally:
            phone.close()
        return last.status_code, b"{}"

    with _serving(agree) as url:
        yield url


@contextmanager
def _serving(answer: Callable[[str, bytes], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = answer(self.path, sent)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the names are the base class's

        def log_message(self, *_told: Any) -> None:
            """Nothing is logged."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_told: Any) -> None:
            """Whoever asked may have gone; that is what some scenes are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
