"""Both clients over httpx: the same results, and no exception of the layer below gets through."""

import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker import client as package
from broker.client import Answer, AsyncTrustBroker, BrokerUnreachable, Options, Retry, TrustBroker
from tests.unit.client.played import ANSWER

ONCE = Retry(attempts=1)
Handler = Callable[[httpx.Request], httpx.Response]
Ask = Callable[..., Answer]


def _blocking(handler: Handler, **options: Any) -> Answer:
    told: Options = options  # type: ignore[assignment]
    with TrustBroker("http://broker.example", "tb_key", transport=httpx.MockTransport(handler), **told) as broker:
        return broker.check("+34600000101", "payment.transfer")


def _asynchronous(handler: Handler, **options: Any) -> Answer:
    async def ask() -> Answer:
        transport = httpx.MockTransport(handler)
        async with AsyncTrustBroker("http://broker.example", "tb_key", transport=transport, **options) as broker:
            return await broker.check("+34600000101", "payment.transfer")

    return asyncio.run(ask())


@pytest.fixture(params=[_blocking, _asynchronous], ids=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param  # type: ignore[no-any-return]


def test_an_answer_arrives(ask: Ask) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    assert ask(handler).allowed
    assert seen[0].headers["authorization"] == "Bearer tb_key"
    assert seen[0].headers["accept-encoding"] == "identity"


def test_a_second_attempt_arrives(ask: Ask) -> None:
    replies = iter([httpx.Response(503, headers={"Retry-After": "0"}), httpx.Response(200, json=ANSWER)])
    assert ask(lambda _: next(replies)).allowed


def _every(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        yield below
        yield from _every(below)


# HTTPStatusError is raised only for those who ask for it.
_ABSTRACT = {httpx.HTTPStatusError}
FAULTS = sorted({httpx.RequestError, *_every(httpx.HTTPError)} - _ABSTRACT, key=str)


@pytest.mark.parametrize("kind", FAULTS, ids=str)
def test_every_fault_of_the_layer_below_is_no_answer(ask: Ask, kind: type[httpx.RequestError]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise kind("+34600000101 said too much", request=request)

    with pytest.raises(BrokerUnreachable) as caught:
        ask(handler, retry=ONCE)
    assert "+34600000101" not in str(caught.value)


def test_a_redirect_is_not_followed(ask: Ask) -> None:
    with pytest.raises(BrokerUnreachable):
        ask(lambda _: httpx.Response(307, headers={"Location": "http://elsewhere.example"}), retry=ONCE)


class _Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that does not end."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b" " * 65536

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536


def test_a_body_without_end_is_no_answer(ask: Ask) -> None:
    with pytest.raises(BrokerUnreachable):
        ask(lambda _: httpx.Response(200, stream=_Endless()), retry=ONCE)


class _Dripping(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in drops, each in time."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b" "

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "


def test_a_body_in_drops_is_no_answer(ask: Ask) -> None:
    with pytest.raises(BrokerUnreachable):
        ask(lambda _: httpx.Response(200, stream=_Dripping()), retry=ONCE, timeout_s=0.1)


@pytest.mark.parametrize("url", ["", "broker.example", "ftp://broker.example", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    for kind in (TrustBroker, AsyncTrustBroker):
        with pytest.raises(ValueError, match="https://"):
            kind(url, "tb_key")


def test_a_packed_body_is_not_unpacked(ask: Ask) -> None:
    packed = gzip.compress(json.dumps(ANSWER).encode())
    with pytest.raises(BrokerUnreachable):
        ask(lambda _: httpx.Response(200, content=packed, headers={"Content-Encoding": "gzip"}), retry=ONCE)


def test_the_public_list_is_true() -> None:
    assert all(hasattr(package, name) for name in package.__all__)


def test_httpx_is_all_that_it_needs() -> None:
    """Every import of anything but httpx, what httpx needs, and the standard library is refused."""
    script = """
import sys
for name in ("cryptography", "joserfc", "msgspec", "pydantic", "litestar", "mcp", "sqlalchemy", "authlib", "aiohttp"):
    sys.modules[name] = None
import broker.client
strangers = {name.split(".")[0] for name in sys.modules} & {"adapters", "tests"}
ours = {name for name in sys.modules if name.startswith("broker.") and not name.startswith("broker.client")}
assert not strangers | ours, strangers | ours
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(package.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
