"""Slow senders over raw sockets; the limit is short, and nothing is asserted but that the server ends first."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from broker.errors import NotAuthenticated
from broker.surfaces.credential import credential
from broker.surfaces.server import configure
from broker.surfaces.tls import ServedTls

_LIMIT_S = 0.3
_PLAIN = ServedTls()
_FOR_GOOD_S = 30


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the size of the body; says nothing to whoever leaves."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    text = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


class Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def serving(limit_s: float = _LIMIT_S, app: Any = echo, tls: ServedTls = _PLAIN) -> AsyncIterator[int]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = Announcing(configure(app, request_read_s=limit_s, tls=tls, lifespan="off"))
    task = asyncio.create_task(server._serve([bound]))
    try:
        await server.listening.wait()
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        bound.close()


async def told(port: int, head: bytes, drip: bytes) -> bytes:
    """All that the server says to somebody who sends ``head`` and then ``drip``, byte by byte, for good."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def dribble() -> None:
        writer.write(head)
        while True:
            writer.write(drip)
            await writer.drain()
            await asyncio.sleep(0.02)

    dribbling = asyncio.create_task(dribble())
    said = b""
    try:
        async with asyncio.timeout(_FOR_GOOD_S):
            while some := await reader.read(65_536):
                said += some
            return said
    except ConnectionError:  # what was said before it counts
        return said
    finally:
        dribbling.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await dribbling
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


SLOW = {
    "headers": (b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n"),
    "body": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n", b"x"),
    "chunks": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "line breaks before a request": (b"", b"\r\n"),
    "line breaks after a request": (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize(("head", "drip"), SLOW.values(), ids=SLOW.keys())
async def test_a_sender_that_takes_for_good_is_cut_off(head: bytes, drip: bytes) -> None:
    async with serving() as port:
        said = await told(port, head, drip)
    assert said.count(b"HTTP/1.1 200") == (1 if head.endswith(b"x\r\n\r\n") else 0)
    assert b"HTTP/1.1 5" not in said


async def test_a_sender_that_is_merely_slow_is_answered() -> None:
    async with serving(limit_s=20) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in (b"POST / HTTP/1.1\r\nhost: x\r\n", b"content-length: 4\r\n\r\n", b"ab", b"cd"):
            writer.write(part)
            await asyncio.sleep(0.05)
        assert b"200" in await reader.readline()
        writer.close()
        await writer.wait_closed()


def test_one_authorization_header_is_taken_and_two_are_refused() -> None:
    one = (b"authorization", b"Bearer a")
    request = {"method": "GET", "path": "/", "headers": [(b"host", b"x"), one]}
    assert credential(request).authorization == "Bearer a"
    assert credential({**request, "headers": [(b"host", b"x")]}).authorization is None
    with pytest.raises(NotAuthenticated, match="one Authorization"):
        credential({**request, "headers": [one, (b"authorization", b"Bearer b")]})


_POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
_SECOND = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
SMUGGLED = {
    "length and chunks": _POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + _SECOND,
    "chunks and length": _POST + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n" + _SECOND,
    "two lengths": _POST + b"content-length: 0\r\ncontent-length: 4\r\n\r\n" + _SECOND,
    "a length with a sign": _POST + b"content-length: +4\r\n\r\nabcd" + _SECOND,
    "a list of lengths": _POST + b"content-length: 4, 4\r\n\r\nabcd" + _SECOND,
    "an unknown coding": _POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + _SECOND,
    "chunked, and then something": _POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + _SECOND,
    "a space before the colon": _POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + _SECOND,
    "a folded header": _POST + b"x: y\r\n content-length: 4\r\ncontent-length: 0\r\n\r\n" + _SECOND,
    "a size that is no number": _POST + b"transfer-encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n" + _SECOND,
    "bare line feeds": b"POST / HTTP/1.1\nhost: x\ncontent-length: 0\n\n" + _SECOND,
}


@pytest.mark.parametrize("sent", SMUGGLED.values(), ids=SMUGGLED.keys())
async def test_what_two_servers_may_cut_differently_is_refused(sent: bytes) -> None:
    """Request smuggling (T30): nothing of it is answered as a second request."""
    async with serving(limit_s=20) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(_FOR_GOOD_S):
            said = await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert said.startswith(b"HTTP/1.1 400")
    assert b"200" not in said


_CLAIMED = (
    b"x-forwarded-for: 203.0.113.9\r\nx-forwarded-proto: https\r\nx-forwarded-host: bank.example\r\n"
    b"x-forwarded-port: 443\r\nx-real-ip: 203.0.113.9\r\nforwarded: for=203.0.113.9;proto=https;host=bank.example\r\n"
)


async def who(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what the application would believe of its caller."""
    if scope["type"] == "http":
        body = f"{scope['scheme']} {scope['client'][0]}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


async def test_no_header_says_who_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Header trust (T30): not even from this machine, and whatever the environment lets uvicorn believe."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    async with serving(limit_s=20, app=who) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + _CLAIMED + b"\r\n")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert said.endswith(b"\r\n\r\nhttp 127.0.0.1")


async def certificate(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the certificate that a caller is taken to have."""
    del receive
    text = credential(scope).certificate or b"none"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


PASSED_ON = {
    "from a proxy of ours": (("127.0.0.1",), b"Client-Cert: :c29tZQ==:\r\n", b"some"),
    "from anybody else": (("10.0.0.7",), b"Client-Cert: :c29tZQ==:\r\n", b"none"),
    "where there is no proxy": ((), b"Client-Cert: :c29tZQ==:\r\n", b"none"),
    "twice": (("127.0.0.1",), b"Client-Cert: :c29tZQ==:\r\n" * 2, b"none"),
    "no byte sequence": (("127.0.0.1",), b"Client-Cert: c29tZQ==\r\n", b"none"),
    "no base64": (("127.0.0.1",), b"Client-Cert: :c29t*Q==:\r\n", b"none"),
    "empty": (("127.0.0.1",), b"Client-Cert: \r\n", b"none"),
}


@pytest.mark.parametrize(("proxies", "header", "believed"), PASSED_ON.values(), ids=PASSED_ON)
async def test_a_certificate_in_a_header_is_believed_from_a_proxy_of_ours_alone(
    proxies: tuple[str, ...], header: bytes, believed: bytes
) -> None:
    async with serving(_FOR_GOOD_S, certificate, ServedTls(proxies=proxies)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.endswith(b"\r\n\r\n" + believed)
