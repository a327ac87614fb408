"""A client's keys: from a file or a URL, late, again when a kid is new, and never too often or too much."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.keys import (
    JWKS_BYTES_MAX,
    REFETCH_INTERVAL_S,
    ClientKeys,
    JwksFile,
    JwksSource,
    JwksUnavailable,
    JwksUrl,
)
from adapters.mock.operator.profile import load_profile
from tests.support.clocks import HandClock
from tests.support.mock_operator import SECRET, running_operator
from tests.support.mock_operator_client import OperatorClient

FIRST = ECKey.generate_key("P-256", {"kid": "first", "use": "sig"})
SECOND = ECKey.generate_key("P-256", {"kid": "second", "use": "sig"})


def _set_of(*keys: Any) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


@dataclass
class Published:
    """What a client's key server answers, and how often it was asked."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    url: str = ""


@contextmanager
def key_server() -> Iterator[Published]:
    published = Published()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked += 1
            self.send_response(published.status)
            for name, value in published.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(published.body)))
            self.end_headers()
            self.wfile.write(published.body)

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        published.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield published
        finally:
            server.shutdown()
            thread.join()


def _status(url: str, key: ECKey) -> int:
    client = OperatorClient(url, load_profile("alba").clients[0], key, SECRET, HandClock().now)
    with client.http:
        return client.ask_two_legged("sim-swap").status_code


def _play(source: JwksSource, publish: Any) -> None:
    """Late keys, then a rotation, over real HTTP on both sides; only the clock is handed in."""
    clock = HandClock()
    client = Client(load_profile("alba").clients[0], ClientKeys(source, clock.monotonic_s))
    with running_operator("alba", clients=[client], now=clock.now) as operator:
        assert _status(operator.url, FIRST) == 401
        publish(_set_of(FIRST))
        assert _status(operator.url, FIRST) == 401
        clock.advance(REFETCH_INTERVAL_S)
        moved = OperatorClient(operator.url, load_profile("alba").clients[0], FIRST, SECRET, clock.now)
        with moved.http:
            assert moved.ask_two_legged("sim-swap").status_code == 200
            publish(_set_of(SECOND))
            moved.key = SECOND
            assert moved.ask_two_legged("sim-swap").status_code == 401
            clock.advance(REFETCH_INTERVAL_S)
            assert moved.ask_two_legged("sim-swap").status_code == 200
            moved.key = FIRST
            assert moved.ask_two_legged("sim-swap").status_code == 401


def test_keys_in_a_file_may_come_late_and_may_change(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    _play(JwksFile(file), file.write_bytes)


def test_keys_behind_a_url_may_come_late_and_may_change() -> None:
    with key_server() as published:
        published.status = 503

        def publish(body: bytes) -> None:
            published.status, published.body = 200, body

        _play(JwksUrl(published.url), publish)
        assert published.asked == 3


async def test_made_up_key_ids_do_not_become_a_load_on_the_client() -> None:
    clock = HandClock()
    with key_server() as published:
        published.body = _set_of(FIRST)
        keys = ClientKeys(JwksUrl(published.url), clock.monotonic_s)
        for number in range(50):
            assert await keys.find(f"made-up-{number}") is None
        assert published.asked == 1
        assert await keys.find("first") is not None
        clock.advance(REFETCH_INTERVAL_S)
        assert await keys.find("made-up") is None
        assert published.asked == 2


async def test_without_a_kid_the_only_key_is_meant() -> None:
    clock = HandClock()
    with key_server() as published:
        published.body = _set_of(FIRST)
        keys = ClientKeys(JwksUrl(published.url), clock.monotonic_s)
        assert await keys.find(None) is not None
        published.body = _set_of(FIRST, SECOND)
        clock.advance(REFETCH_INTERVAL_S)
        assert await keys.find("second") is not None
        assert await keys.find(None) is None


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, _set_of(FIRST), {}),
        (302, b"", {"location": "http://127.0.0.1:9/jwks.json"}),
        (200, b"no json", {}),
        (200, b'{"keys": 5}', {}),
        (200, b'{"keys": [' + b",".join([b"{}"] * 21) + b"]}", {}),
        (200, b'{"keys": [], "padding": "' + b"x" * JWKS_BYTES_MAX + b'"}', {}),
    ],
)
async def test_a_strange_key_set_is_no_key_set(status: int, body: bytes, headers: dict[str, str]) -> None:
    with key_server() as published:
        published.status, published.body, published.headers = status, body, headers
        with pytest.raises(JwksUnavailable):
            await ClientKeys(JwksUrl(published.url)).find("first")


async def test_only_asymmetric_signature_keys_count() -> None:
    encryption = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})
    with key_server() as published:
        keys = [
            FIRST.as_dict(private=False),
            encryption.as_dict(private=False),
            OctKey.import_key("a shared secret of the client", {"kid": "oct"}).as_dict(),
            OKPKey.generate_key("Ed25519", {"kid": "ed"}).as_dict(private=False),
            {"kty": "XYZ", "kid": "new"},
        ]
        published.body = json.dumps({"keys": keys}).encode()
        found = ClientKeys(JwksUrl(published.url))
        assert await found.find("first") is not None
        for kid in ("enc", "oct", "ed", "new"):
            assert await found.find(kid) is None


async def test_nothing_listens_there() -> None:
    with pytest.raises(JwksUnavailable, match="ConnectError"):
        await JwksUrl("http://127.0.0.1:9/jwks.json").read()
