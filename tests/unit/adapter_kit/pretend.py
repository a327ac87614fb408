"""Stand-ins that speak the protocol: a clock, an operator behind ``httpx.MockTransport``, a raw loopback server."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import parse_qs

import httpx
from joserfc.jwk import ECKey

from broker.adapter_kit.adapter import SignalQuery
from broker.adapter_kit.assembly import Surroundings
from broker.adapter_kit.assertions import AssertionSigner, AssertionStyle
from broker.adapter_kit.camara import APIS
from broker.adapter_kit.camara.line import BoundApi, Terms
from broker.adapter_kit.ciba import Ciba, PendingMemory, PendingStore
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.dpop import Prover
from broker.adapter_kit.manifest import Manifest
from broker.adapter_kit.manifest_adapter import AdapterParts
from broker.adapter_kit.oauth import ClientAuth, ClientProfile, Flow, TokenLimits
from broker.adapter_kit.token_endpoint import TokenEndpoint
from broker.adapter_kit.tokens import TokenManager
from broker.adapter_kit.transport import Transport
from broker.domain.check import Circle
from broker.domain.phone import PhoneNumber
from broker.domain.signal import SignalName
from tests.support.clocks import HandClock

ROOT = "https://operator.example"
TOKEN_URL = f"{ROOT}/oauth2/token"
BACKCHANNEL_URL = f"{ROOT}/oauth2/bc-authorize"
AUTHORIZE_URL = f"{ROOT}/oauth2/authorize"
PHONE = PhoneNumber("+34600000101")
CORRELATOR = "5f0c1d6e-1111-4222-8333-444455556666"
MADRID = Circle(40.4168, -3.7038, 5000.0)
KEY = ECKey.generate_key("P-256")


Answer = httpx.Response | Callable[[dict[str, Any]], httpx.Response]


def ok(body: object, **headers: str) -> httpx.Response:
    """200 with a JSON body; text goes out as it is."""
    return httpx.Response(200, content=body if isinstance(body, str | bytes) else json.dumps(body), headers=headers)


def camara_error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "code": code, "message": "operator prose +34600000101"})


def plain_digest(tenant: str, content: bytes) -> bytes:
    return hashlib.sha256(tenant.encode() + b"\0" + content).digest()


class PretendOperator:
    """An authorization server and network APIs that answer from a script: one answer per call, the last for ever."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.elsewhere: list[Answer] = []
        """What every path without a script of its own answers."""
        self.token_answers: list[Answer] = []
        self.token_gate: asyncio.Event | None = None
        self.calls: list[tuple[str, dict[str, Any], httpx.Headers]] = []
        self.forms: list[dict[str, str]] = []
        self.token_headers: list[httpx.Headers] = []
        self.token_queries: list[str] = []
        self.backchannel_answers: list[Answer] = []
        self.backchannel_forms: list[dict[str, str]] = []
        self.transport = Transport(httpx.MockTransport(self.handle))

    def on(self, path: str, *answers: Answer) -> None:
        """What ``path`` answers, in order."""
        self.answers[path].extend(answers)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            return await self._token(request)
        if request.url.path == "/oauth2/bc-authorize":
            return self._backchannel(request)
        body = json.loads(request.content)
        self.calls.append((request.url.path, body, request.headers))
        script = self.answers.get(request.url.path) or self.elsewhere
        if not script:
            return httpx.Response(404, text="<html>no such page</html>")
        answer = script.pop(0) if len(script) > 1 else script[0]
        response = answer(body) if callable(answer) else answer
        response.headers.setdefault("x-correlator", request.headers["x-correlator"])
        # Each send needs a response of its own; a script may give the same one many times.
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    def _backchannel(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode(), strict_parsing=True).items()}
        self.backchannel_forms.append(form)
        begun = {"auth_req_id": f"request-{len(self.backchannel_forms)}", "expires_in": 120, "interval": 2}
        scripted = self.backchannel_answers
        answer = (scripted.pop(0) if len(scripted) > 1 else scripted[0]) if scripted else ok(begun)
        response = answer(form) if callable(answer) else answer
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    async def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode(), strict_parsing=True).items()}
        self.forms.append(form)
        self.token_headers.append(request.headers)
        self.token_queries.append(request.url.query.decode())
        if self.token_gate is not None:
            await self.token_gate.wait()
        if not self.token_answers:
            return ok({"access_token": f"token-{len(self.forms)}", "token_type": "Bearer", "expires_in": 300})
        answer = self.token_answers.pop(0) if len(self.token_answers) > 1 else self.token_answers[0]
        response = answer(form) if callable(answer) else answer
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    def tokens(
        self,
        *,
        store: PendingStore | None = None,
        dpop: bool = False,
        limits: TokenLimits | None = None,
        random: Random | None = None,
        **overrides: Any,
    ) -> TokenManager:
        limits = limits or TokenLimits()
        prover = Prover(KEY, self.clock, Random(9)) if dpop else None
        endpoint = TokenEndpoint(self.profile(**overrides), self.transport, limits.request_timeout_s, prover)
        ciba = Ciba(endpoint, store or PendingMemory(), plain_digest, self.clock, limits)
        return TokenManager(endpoint, ciba, self.clock, random or Random(7), limits)

    def profile(self, **overrides: Any) -> ClientProfile:
        style = AssertionStyle("ES256", None, 90)
        signer = AssertionSigner(KEY, None, style, self.clock, Random(7))
        given = {"token_url": TOKEN_URL, "client_id": "trust-broker", "scope_template": "dpv:{purpose} {scopes}"}
        given |= {
            "operator": "alba",
            "issuer": ROOT,
            "backchannel_url": BACKCHANNEL_URL,
            "authorize_url": AUTHORIZE_URL,
        }
        proof = {"auth": ClientAuth.BASIC} if overrides.get("secret") else {}
        return ClientProfile(**{**given, "signer": signer, **proof, **overrides})

    def bind(self, api: str, version: str, flow: Flow = Flow.CLIENT_CREDENTIALS, **terms: Any) -> BoundApi:
        """An API at this operator, as the manifest would bind it."""
        known = APIS[api, version]
        given = {
            "url": f"{ROOT}/{api}",
            "flow": flow,
            "scopes": known.scopes,
            "attempt_timeout_s": 1.0,
            "identifier": known.identifier,
        }
        return BoundApi(known, Terms(**{**given, **terms}), self.transport, self.tokens(), self.clock)

    def parts(self, manifest: Manifest, settings: OperatorSettings, tokens: TokenManager | None = None) -> AdapterParts:
        return AdapterParts(
            operator="alba",
            manifest=manifest,
            settings=settings,
            transport=self.transport,
            tokens=tokens or self.tokens(),
            clock=self.clock,
            profile=self.profile(redirect_uri=settings.redirect_uri),
            random=Random(7),
        )

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(self.clock, Random(7))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body, _ in self.calls]


def query(signal: SignalName, **overrides: Any) -> SignalQuery:
    given = {
        "signal": signal,
        "phone": PHONE,
        "purpose": "FraudPreventionAndDetection",
        "correlator": CORRELATOR,
        "deadline_s": 1002.0,
    }
    return SignalQuery(**{**given, **overrides})


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class LoopbackServer:
    """What one test's server saw: connections, requests, and connections that the other side dropped."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.dropped = asyncio.Event()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    return head + await reader.readexactly(length)


@asynccontextmanager
async def loopback(talk: Talk, tls: Any = None) -> AsyncIterator[LoopbackServer]:
    """A server on a free port that reads requests and lets ``talk`` write whatever it likes."""
    seen = LoopbackServer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        seen.connections += 1
        try:
            while True:
                seen.requests.append(await read_request(reader))
                seen.asked.set()
                await talk(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            seen.dropped.set()
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    seen.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/sim-swap/v2/check"
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
