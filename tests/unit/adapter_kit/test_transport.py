"""The transport: one bounded answer or one typed fault, whichever HTTP client carries it."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import aiohttp
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.adapter_kit import transport as module
from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.transport import FAULTS, Transport, TransportLimits, WireRequest, open_transport
from broker.domain.signal import Unavailability
from tests.unit.adapter_kit.pretend import Talk, loopback

Kind = Literal["aiohttp", "httpx"]
LIMITS = TransportLimits(body_bytes_max=2048)
ANSWER = b"HTTP/1.1 200 OK\r\nX-Correlator: c-1\r\nSet-Cookie: a=b\r\nContent-Length: 17\r\n\r\n" + b'{"swapped":false}'


@pytest.fixture(params=["aiohttp", "httpx"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    opened = open_transport(request.param, LIMITS)
    yield opened
    await opened.aclose()
    await asyncio.sleep(0)


def post(url: str, body: bytes = b"{}") -> WireRequest:
    return WireRequest(
        "POST", url, ((b"authorization", b"Bearer secret"), (b"content-type", b"application/json")), body
    )


def saying(*parts: bytes, pause_s: float = 0.0) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return talk


@contextmanager
def answering_in(delay_s: float | None) -> Iterator[str]:
    """A server in a thread, which goes on while the loop is kept busy; without a delay it never answers."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            held = b""
            while b"\r\n\r\n{}" not in held:
                held += connection.recv(4096)
            if delay_s is None:
                connection.recv(1)  # until the other side has had enough
            else:
                time.sleep(delay_s)
                connection.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()
    raise ConnectionResetError


async def half_an_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ANSWER[:-5])
    await writer.drain()
    writer.close()


async def fault_of(transport: Transport, url: str, timeout_s: float = 2.0) -> OperatorFault:
    with pytest.raises(OperatorFault) as caught:
        await transport.send(post(url), timeout_s=timeout_s)
    return caught.value


async def test_an_answer_comes_whole_and_the_connection_is_used_again(transport: Transport) -> None:
    async with loopback(saying(ANSWER)) as server:
        for _ in range(3):
            answer = await transport.send(post(server.url, b'{"maxAge":240}'), timeout_s=2.0)
            assert (answer.status, answer.body) == (200, b'{"swapped":false}')
            assert answer.headers["x-correlator"] == "c-1"
        assert server.connections == 1
        assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_the_request_asks_for_no_encoding_and_carries_what_it_was_given_once(transport: Transport) -> None:
    async with loopback(saying(ANSWER)) as server:
        await transport.send(post(server.url, b'{"maxAge":240}'), timeout_s=2.0)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        assert lines[0] == b"post /sim-swap/v2/check http/1.1"
        assert body == b'{"maxAge":240}'
        for line in (b"accept-encoding: identity", b"content-length: 14", b"authorization: bearer secret"):
            assert lines.count(line) == 1
        names = [line.split(b":")[0] for line in lines[1:]]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("talk", "reason", "code"),
    [
        (hang, Unavailability.TIMEOUT, KitCode.ATTEMPT_TIMEOUT),
        (hang_up, Unavailability.OPERATOR_ERROR, None),
        (half_an_answer, Unavailability.OPERATOR_ERROR, None),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Unavailability.OPERATOR_ERROR, KitCode.PROTOCOL_BROKEN),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000),
            Unavailability.MALFORMED,
            KitCode.RESPONSE_TOO_LARGE,
        ),
        (
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 8),
            Unavailability.MALFORMED,
            KitCode.RESPONSE_TOO_LARGE,
        ),
        (
            saying(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(b"{}"))
                + gzip.compress(b"{}")
            ),
            Unavailability.MALFORMED,
            KitCode.CONTENT_ENCODED,
        ),
    ],
)
async def test_what_is_no_plain_answer_is_a_typed_fault(
    transport: Transport, talk: Talk, reason: Unavailability, code: KitCode | None
) -> None:
    async with loopback(talk) as server:
        fault = await fault_of(transport, server.url, timeout_s=0.5)
        assert fault.reason is reason
        # The two clients tell a lost connection from a broken protocol in different places; both are the operator's.
        assert fault.code in ({code} if code else {KitCode.CONNECTION_LOST, KitCode.PROTOCOL_BROKEN})


async def test_a_dripping_answer_meets_the_wall_clock(transport: Transport) -> None:
    drip = saying(ANSWER[:-17], *[b"x"] * 17, pause_s=0.1)
    async with loopback(drip) as server:
        fault = await fault_of(transport, server.url, timeout_s=0.3)
        assert (fault.reason, fault.code) == (Unavailability.TIMEOUT, KitCode.ATTEMPT_TIMEOUT)
        await asyncio.wait_for(server.dropped.wait(), 2)


async def test_a_connection_is_dropped_after_an_oversized_answer(transport: Transport) -> None:
    endless = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n", b"x" * 10_000)
    async with loopback(endless) as server:
        fault = await fault_of(transport, server.url)
        assert fault.code == KitCode.RESPONSE_TOO_LARGE
        await asyncio.wait_for(server.dropped.wait(), 2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(transport: Transport, status: int) -> None:
    async with loopback(saying(ANSWER)) as elsewhere:
        away = b"HTTP/1.1 %d Away\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, elsewhere.url.encode())
        async with loopback(saying(away)) as server:
            fault = await fault_of(transport, server.url)
            assert (fault.reason, fault.code) == (Unavailability.OPERATOR_ERROR, KitCode.REDIRECTED)
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_answer_is_an_answer(transport: Transport, status: int) -> None:
    async with loopback(saying(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\n{}" % status)) as server:
        answer = await transport.send(post(server.url), timeout_s=2.0)
        assert (answer.status, answer.body) == (status, b"{}")


async def test_nobody_listening_is_a_failed_connection(transport: Transport) -> None:
    async with loopback(hang_up) as server:
        url = server.url
    fault = await fault_of(transport, url)
    assert (fault.reason, fault.code) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_without_time_nothing_is_sent(transport: Transport, timeout_s: float) -> None:
    async with loopback(saying(ANSWER)) as server:
        fault = await fault_of(transport, server.url, timeout_s=timeout_s)
        assert (fault.reason, fault.code) == (Unavailability.TIMEOUT, KitCode.DEADLINE)
        assert server.connections == 0


async def test_proxies_of_the_environment_are_not_used(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with loopback(saying(ANSWER)) as server:
        assert (await transport.send(post(server.url), timeout_s=2.0)).status == 200


@pytest.mark.parametrize("url", ["ftp://operator.example/x", "http://[::1/x", "http:///x"])
async def test_an_impossible_url_is_our_mistake_and_typed(transport: Transport, url: str) -> None:
    fault = await fault_of(transport, url)
    assert fault.reason is Unavailability.OPERATOR_ERROR
    assert fault.code in {KitCode.REQUEST_REFUSED, KitCode.CONNECT_FAILED}


async def test_being_cancelled_stays_being_cancelled(transport: Transport) -> None:
    async with loopback(hang) as server:
        task = asyncio.create_task(transport.send(post(server.url), timeout_s=5.0))
        await asyncio.wait_for(server.asked.wait(), 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("kind", ["aiohttp", "httpx"])
@pytest.mark.parametrize("trusted", [False, True])
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, kind: Kind, trusted: bool) -> None:
    server_side, authority = _self_signed(tmp_path)
    context = ssl.create_default_context(cafile=str(authority)) if trusted else None
    transport = open_transport(kind, LIMITS, tls=context)
    async with loopback(saying(ANSWER), tls=server_side) as server:
        if trusted:
            assert (await transport.send(post(server.url), timeout_s=2.0)).status == 200
        else:
            fault = await fault_of(transport, server.url)
            assert (fault.reason, fault.code) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)
            assert server.requests == []
        await transport.aclose()
        await asyncio.sleep(0.05)


def _self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "operator")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context, certificate_file


def _descendants(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    yield from chain.from_iterable(_descendants(child) for child in kind.__subclasses__())


HTTPX_EXCEPTIONS = sorted(
    {
        thing
        for thing in vars(httpx).values()
        if isinstance(thing, type) and issubclass(thing, Exception) and thing is not httpx.HTTPStatusError
    }
    | {kind for kind in _descendants(httpx.TransportError) if kind.__module__ == "httpx"},
    key=lambda kind: kind.__name__,
)


def _raising(error: BaseException) -> Transport:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    return Transport(httpx.MockTransport(handler))


def _made(kind: type[Any]) -> Exception:
    try:
        error = kind("operator prose")
    except TypeError:
        error = kind()
    assert isinstance(error, Exception)
    return error


def test_the_list_of_httpx_exceptions_is_not_empty_by_mistake() -> None:
    assert {httpx.ConnectTimeout, httpx.ReadError, httpx.InvalidURL, httpx.PoolTimeout} <= set(HTTPX_EXCEPTIONS)


@pytest.mark.parametrize("kind", HTTPX_EXCEPTIONS, ids=lambda kind: kind.__name__)
async def test_every_exception_of_httpx_has_its_row(kind: type[Exception]) -> None:
    assert any(base in FAULTS for base in kind.__mro__)
    fault = await fault_of(_raising(_made(kind)), "http://127.0.0.1/x")
    expected = Unavailability.TIMEOUT if issubclass(kind, httpx.TimeoutException) else None
    assert expected is None or fault.reason is expected
    assert fault.reason in {Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR, Unavailability.MALFORMED}
    assert "prose" not in str(fault)


@pytest.mark.parametrize("error", [OSError("x"), ValueError("x"), RuntimeError("x"), KeyError("x"), MemoryError()])
async def test_an_exception_that_no_client_names_is_wrapped(error: Exception) -> None:
    fault = await fault_of(_raising(error), "http://127.0.0.1/x")
    assert (fault.reason, fault.code) == (Unavailability.OPERATOR_ERROR, KitCode.TRANSPORT_FAILED)


def test_every_exception_of_aiohttp_has_a_word_in_httpx() -> None:
    kinds = {kind for kind in _descendants(aiohttp.ClientError) if kind.__module__.startswith("aiohttp")}
    assert len(kinds) > 15
    for kind in kinds:
        words = next(theirs for ours, theirs in module._AIOHTTP_WORDS if issubclass(kind, ours))
        assert any(base in FAULTS for base in words.__mro__)
        assert issubclass(words, httpx.TimeoutException) == issubclass(kind, asyncio.TimeoutError)


async def test_urls_are_kept_up_to_a_limit() -> None:
    transport = Transport(httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}")))
    for number in range(module._URLS_KEPT + 50):
        await transport.send(post(f"http://127.0.0.1/{number}"), timeout_s=1.0)
    assert len(transport._urls) == module._URLS_KEPT


def test_nothing_secret_shows_in_a_repr() -> None:
    request = post("https://operator.example/check", b'{"phoneNumber":"+34600000101"}')
    assert "secret" not in repr(request)
    assert "+34600000101" not in repr(request)
    assert "+34" not in repr(module.WireResponse(200, {}, b'{"phoneNumber":"+34600000101"}'))


@pytest.mark.parametrize(("delay_s", "found"), [(0.2, 200), (None, KitCode.ATTEMPT_TIMEOUT)])
async def test_an_answer_that_came_while_the_loop_was_busy_is_not_late(
    kind: Kind, delay_s: float | None, found: int | str
) -> None:
    transport = open_transport(kind, LIMITS)
    with answering_in(delay_s) as url:
        call = asyncio.create_task(transport.send(post(url), timeout_s=0.8))
        await asyncio.sleep(0.1)  # it is on its way
        time.sleep(1.0)  # noqa: ASYNC251 - a loop that is kept busy is what this is about
        try:
            told: int | str | None = (await call).status
        except OperatorFault as fault:
            told = fault.code
        await transport.aclose()
    assert told == found


@pytest.fixture(params=["aiohttp", "httpx"])
def kind(request: pytest.FixtureRequest) -> Kind:
    client: Kind = request.param
    return client
