"""A pretend operator inside the test process, on a real port, and the hands that steer it.

    with running_operator("alba") as operator:
        operator.url                                     # http://127.0.0.1:…
        operator.client.token("sim-swap:check")          # a two-legged token, got by private_key_jwt or Basic
        operator.control.event(number, {"type": "sim_change"}, ago_s=3600)

`now` is a callable, a `HandClock.now` for one, and then both sides of the wire can live in the same time.
"""

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import msgspec
import uvicorn
from joserfc.jwk import ECKey, RSAKey

from adapters.mock.operator.app import create_asgi
from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.keys import ClientKeys
from adapters.mock.operator.clocks import machine_time
from adapters.mock.operator.network.directory import magic_number
from adapters.mock.operator.profile import Profile, load_profile
from adapters.mock.operator.server import TlsFiles, base_url, build, listen
from adapters.mock.operator.world import ControlAccess, World
from tests.support.loopback import NOBODY
from tests.support.mock_operator_client import OperatorClient

HOST = "127.0.0.1"
CONTROL_KEY = "control-key-of-the-tests"
SECRET = "s3cret of the tests: with a colon"
API_KEY = "gateway-key-of-the-tests"
START_WITHIN_S = 5.0
STOP_WITHIN_S = 5.0


@dataclass(frozen=True)
class JwksBytes:
    """A key set that is simply there."""

    keys: Sequence[ECKey | RSAKey]

    async def read(self) -> bytes:
        return msgspec.json.encode({"keys": [key.as_dict(private=False) for key in self.keys]})


class Control:
    """The control API, in Python."""

    def __init__(self, url: str, key: str = CONTROL_KEY, verify: ssl.SSLContext = NOBODY) -> None:
        self.http = httpx.Client(
            base_url=f"{url}/control",
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=5,
            verify=verify,
        )

    def _done(self, response: httpx.Response) -> Any:
        assert response.is_success, response.text
        return response.json() if response.content else None

    def subscriber(self, number: str) -> Any:
        return self._done(self.http.get(f"/subscribers/{number}"))

    def put_subscriber(self, number: str, **members: Any) -> Any:
        return self._done(self.http.put(f"/subscribers/{number}", json=members))

    def event(self, number: str, event: dict[str, Any], *, ago_s: float = 0.0) -> Any:
        return self._done(self.http.post(f"/subscribers/{number}/events", json={"event": event, "agoS": ago_s}))

    def equipment(self, imei: str, standing: str, *, ago_s: float = 3600.0) -> None:
        self._done(self.http.put(f"/equipment/{imei}", json={"standing": standing, "agoS": ago_s}))

    def fault(
        self,
        kind: str,
        target: dict[str, Any] | None = None,
        *,
        name: str = "f",
        count: int | None = None,
        **knobs: Any,
    ) -> None:
        body = {"target": target or {"type": "everything"}, "fault": {"type": kind, **knobs}, "count": count}
        self._done(self.http.put(f"/faults/{name}", json=body))

    def no_faults(self) -> None:
        self._done(self.http.delete("/faults"))

    def advance(self, seconds: float, *, authorization: bool = False) -> Any:
        return self._done(self.http.post("/clock/advance", json={"seconds": seconds, "authorization": authorization}))

    def operator_token(self, number: str) -> str:
        return str(self._done(self.http.post("/operator-tokens", json={"phoneNumber": number}))["operatorToken"])

    def prompts(self, number: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._done(self.http.get(f"/subscribers/{number}/prompts"))
        return found

    def answer(self, number: str, *, approve: bool) -> None:
        self._done(self.http.post(f"/subscribers/{number}/prompts/answer", json={"approve": approve}))

    def requests(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._done(self.http.get("/requests", params=query))["requests"]
        return found

    def forget_requests(self) -> None:
        self._done(self.http.delete("/requests"))

    def reset(self) -> None:
        self._done(self.http.post("/reset"))


@dataclass(frozen=True)
class RunningOperator:
    """What a test holds of a running operator; `client` is the one registered client, keys and secret included."""

    url: str
    profile: Profile
    control: Control
    client: OperatorClient
    server: uvicorn.Server

    def end(self) -> None:
        """Ask it to stop, without waiting: several that end together take as long as one."""
        self.server.should_exit = self.server.force_exit = True

    def number(self, ending: str) -> str:
        """The sandbox number with this ending: `000102`, say."""
        return magic_number(self.profile.numbers[0], ending)


@contextmanager
def running_operator(
    profile: str | Profile = "alba",
    *,
    clients: Sequence[Client] | None = None,
    now: Callable[[], datetime] = machine_time,
    control: ControlAccess | None = None,
    tls: TlsFiles | None = None,
    trust: ssl.SSLContext = NOBODY,
    api_key: str = API_KEY,
) -> Iterator[RunningOperator]:
    """An operator that answers on a free loopback port, until the block ends.

    Without `clients`, the profile's client is registered with a fresh ES256 key and `SECRET`, and `.client` has both.
    With `tls` it speaks TLS, and `trust` is what `.client` and `.control` believe in and show.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    key = ECKey.generate_key("P-256", {"kid": "test-1", "use": "sig", "alg": "ES256"})
    registered = clients if clients is not None else [default_client(chosen, key)]
    with listen(HOST, 0) as listener:
        url = base_url(listener, HOST, tls=tls is not None)
        access = control or ControlAccess(CONTROL_KEY)
        world = World(chosen, url, registered, control=access, api_key=api_key, now=now)
        client = OperatorClient(url, chosen.clients[0], key, SECRET, now, trust)
        server = build(create_asgi(world), tls)
        operator = RunningOperator(url, chosen, Control(url, verify=trust), client, server)
        with serving(server, listener), operator.control.http, client.http:
            yield operator


def default_client(profile: Profile, key: ECKey | RSAKey) -> Client:
    """The profile's client with this key and `SECRET`."""
    return Client(profile.clients[0], ClientKeys(JwksBytes([key])), sha256(SECRET))


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@contextmanager
def serving(server: uvicorn.Server, listener: socket.socket) -> Iterator[None]:
    """Run a server in a thread of its own; on the way out it drops what still hangs."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_WITHIN_S
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.001)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(STOP_WITHIN_S)
        assert not thread.is_alive(), "the server did not stop"
