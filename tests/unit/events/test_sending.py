"""One attempt, against receivers that misbehave: over real HTTP on loopback, and towards addresses that are refused."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from broker.adapter_kit.transport import Transport, TransportLimits, open_guarded_transport
from broker.events.addresses import is_public
from broker.events.sending import Attempt, open_sender, send

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@asynccontextmanager
async def receiver(answer: bytes, *, hold: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Whatever it gets, it answers these bytes; its URL, and the requests that came."""
    came: list[bytes] = []
    under_way: set[asyncio.Task[None] | None] = set()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())
        came.append(await reader.read(65_536))
        writer.write(answer)
        if hold:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(on_connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in", came
    finally:
        server.close()
        await asyncio.gather(*(task for task in under_way if task), return_exceptions=True)


@asynccontextmanager
async def sender(make: Callable[[], Transport]) -> AsyncIterator[Transport]:
    transport = make()
    try:
        yield transport
    finally:
        await transport.aclose()


def anywhere() -> Transport:
    return open_sender(private=True, connections_max=4)


@pytest.mark.parametrize(
    ("answer", "attempt"),
    [
        (OK, Attempt("delivered")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000, Attempt("delivered")),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", Attempt("delivered")),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", Attempt("gone", "GONE")),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Attempt("failed", "HTTP_500")),
        (b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", Attempt("failed", "HTTP_429", 7.0)),
        (b"HTTP/1.1 503 No\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", Attempt("failed", "HTTP_503")),
        (
            b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            Attempt("failed", "REDIRECTED"),
        ),
        (b"HTTP/1.1 101 Switching\r\n\r\n", None),
        (b"no HTTP at all\r\n\r\n", None),
        (b"", None),
    ],
)
async def test_what_an_answer_means(answer: bytes, attempt: Attempt | None) -> None:
    async with receiver(answer) as (url, came), sender(anywhere) as transport:
        found = await send(transport, url, {"webhook-id": "evt_1"}, b"{}", 5.0)
    assert found.result == "failed" if attempt is None else found == attempt
    assert b"content-type: application/cloudevents+json" in came[0].lower()
    assert len(came) == 1, "nothing is followed and nothing is tried twice here"


async def test_who_does_not_answer_in_time_has_not_got_it() -> None:
    async with receiver(b"", hold=True) as (url, _), sender(anywhere) as transport:
        assert await send(transport, url, {}, b"{}", 0.2) == Attempt("failed", "ATTEMPT_TIMEOUT")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"]
)
async def test_nothing_connects_to_this_machine_however_it_is_written(host: str) -> None:
    async with receiver(OK) as (url, came), sender(lambda: open_sender(private=False, connections_max=4)) as transport:
        found = await send(transport, url.replace("127.0.0.1", host), {}, b"{}", 5.0)
    assert found.result == "failed"
    assert came == []


async def test_a_name_that_points_elsewhere_a_moment_later_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver answers once with an address that is let through, then with this machine: only the first counts."""
    asked: list[str] = []
    async with receiver(OK) as (url, came):
        port = int(url.rpartition(":")[2].partition("/")[0])

        def rebinding(host: object, *_more: object, **_named: object) -> list[tuple[object, ...]]:
            asked.append(str(host))
            address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        looked_at: list[str] = []

        def permits(address: str) -> bool:
            looked_at.append(address)
            return is_public(address)

        async with sender(lambda: open_guarded_transport(TransportLimits(), permits)) as transport:
            for _ in range(2):
                found = await send(transport, f"http://rebinding.example:{port}/", {}, b"{}", 5.0)
                assert found.result == "failed"
    assert looked_at == ["192.0.2.1", "127.0.0.1"], "every resolution is looked at"
    assert came == []
