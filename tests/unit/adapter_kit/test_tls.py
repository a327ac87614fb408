"""R34 and R33: operators whose TLS or name is in trouble are refused with a type, in time, by both HTTP clients."""

import asyncio
import datetime as dt
import gc
import socket
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.transport import TransportLimits, WireRequest, open_transport
from broker.domain.signal import SignalName, Unavailability
from broker.operators.guards.verdicts import failed
from tests.support.certificates import Authority, Pair, self_signed

TIMEOUT_S = 0.5
LIMITS = TransportLimits()
Kind = Literal["aiohttp", "httpx"]
pytestmark = pytest.mark.parametrize("kind", ["aiohttp", "httpx"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


def serving(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
    await writer.drain()
    writer.close()


async def _stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # hears the greeting and says nothing
    writer.close()


@asynccontextmanager
async def listening(context: ssl.SSLContext | None, talk: Any = _answer) -> AsyncIterator[str]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    loop = asyncio.get_running_loop()
    # A handshake that fails on purpose is no news; asyncio would tell it as an error of the server.
    loop.set_exception_handler(lambda _, about: None)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def ask(kind: Kind, url: str, tls: ssl.SSLContext) -> int:
    transport = open_transport(kind, LIMITS, tls=tls)
    try:
        return (await transport.send(WireRequest("GET", url, (), b""), timeout_s=TIMEOUT_S)).status
    finally:
        await transport.aclose()


async def refusal(kind: Kind, url: str, tls: ssl.SSLContext) -> tuple[Unavailability, str]:
    started_s = time.monotonic()
    with pytest.raises(OperatorFault) as caught:
        await ask(kind, url, tls)
    took_s = time.monotonic() - started_s
    assert took_s < TIMEOUT_S + 1  # wide, for slow machines; a handshake of its own would last a minute
    fault = caught.value
    assert failed(fault.unavailable(SignalName.SIM_SWAP, None, 0), max(took_s, TIMEOUT_S), 0.18) is True
    return fault.reason, fault.code


async def test_an_operator_with_a_good_certificate_is_heard(kind: Kind, authority: Authority) -> None:
    async with listening(serving(authority.issue("good"))) as url:
        assert await ask(kind, url, authority.context()) == 200


async def test_an_expired_certificate_is_refused(kind: Kind, authority: Authority) -> None:
    pair = authority.issue("expired", ends_in=dt.timedelta(hours=-1))
    async with listening(serving(pair)) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


async def test_a_certificate_for_another_address_is_refused(kind: Kind, authority: Authority) -> None:
    async with listening(serving(authority.issue("other", address="192.0.2.1"))) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


async def test_a_certificate_of_an_authority_that_we_do_not_trust_is_refused(
    kind: Kind, authority: Authority, tmp_path: Path
) -> None:
    theirs = Authority(tmp_path, "Somebody")
    async with listening(serving(theirs.issue("self"))) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


async def test_a_certificate_that_vouches_for_itself_is_refused(
    kind: Kind, authority: Authority, tmp_path: Path
) -> None:
    async with listening(serving(self_signed(tmp_path, "localhost"))) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


@pytest.fixture
def untidy() -> Iterator[None]:
    """Where asyncio's server, or httpx's own pool, leaves a socket of a broken handshake to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.usefixtures("untidy")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_server_that_speaks_only_what_is_broken_is_refused(kind: Kind, authority: Authority) -> None:
    context = serving(authority.issue("old"))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(context) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


async def test_plain_http_where_tls_should_be_is_refused(kind: Kind, authority: Authority) -> None:
    async def blurt(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with listening(None, blurt) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


@pytest.mark.usefixtures("untidy")
async def test_a_handshake_that_stalls_costs_no_more_than_the_call_has(kind: Kind, authority: Authority) -> None:
    async with listening(None, _stall) as url:
        assert await refusal(kind, url, authority.context()) == (Unavailability.TIMEOUT, KitCode.ATTEMPT_TIMEOUT)


def test_the_default_context_takes_nothing_below_tls_1_2_and_checks_names(kind: Kind) -> None:
    transport: Any = open_transport(kind, LIMITS)
    base = transport._base
    context = base._tls if kind == "aiohttp" else base._pool._ssl_context
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


class NoNames(asyncio.SelectorEventLoop):
    """A loop whose resolver knows no operator."""

    takes_s = 0.0

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        if host in {"operator.example", b"operator.example"}:
            await asyncio.sleep(self.takes_s)
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return await super().getaddrinfo(host, port, **hints)


class SlowNames(NoNames):
    """A loop whose resolver does not come to an end."""

    takes_s = 30.0


def test_a_name_that_does_not_resolve_is_a_failure_to_connect(kind: Kind) -> None:
    with asyncio.Runner(loop_factory=NoNames) as runner:
        told = runner.run(refusal(kind, "https://operator.example/", ssl.create_default_context()))
    assert told == (Unavailability.OPERATOR_ERROR, KitCode.CONNECT_FAILED)


def test_names_that_resolve_slowly_cost_no_more_than_the_call_has(kind: Kind) -> None:
    with asyncio.Runner(loop_factory=SlowNames) as runner:
        told = runner.run(refusal(kind, "https://operator.example/", ssl.create_default_context()))
    assert told == (Unavailability.TIMEOUT, KitCode.ATTEMPT_TIMEOUT)
