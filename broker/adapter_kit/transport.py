"""The only module that imports an HTTP client: one request, one bounded answer, or one typed fault.

httpx's requests and responses are the language of the port, so that tests and other implementations plug in as an
``httpx.AsyncBaseTransport``; its client and its pool are not used, for they cost many times more than the call itself.
"""

import contextlib
import ipaddress
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Literal

import aiohttp
import httpx
import msgspec
from multidict import CIMultiDict

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.time_limit import within
from broker.domain.signal import Unavailability

_URLS_KEPT = 256


class TransportLimits(msgspec.Struct, frozen=True):
    """What one operator may take of us: connections, seconds that an idle one is kept, bytes of one answer."""

    connections_max: int = 64
    keepalive_s: float = 30.0
    body_bytes_max: int = 65_536


class WireRequest(msgspec.Struct, frozen=True):
    """One HTTP request. Header names and values are ASCII bytes, ready to send."""

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def __repr__(self) -> str:  # headers carry tokens and bodies carry numbers
        return f"WireRequest({self.method} {self.url})"


class WireResponse(msgspec.Struct, frozen=True):
    """One HTTP answer, complete and within the byte cap. Names in ``headers`` are lower case, repeats are joined."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:  # the body may carry personal data
        return f"WireResponse({self.status}, {len(self.body)} bytes)"


_Verdict = tuple[Unavailability, KitCode]
_TIMEOUT, _ERROR = Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR

# Looked up along the method resolution order, so that a subclass which httpx adds later finds its parent's row.
FAULTS: Mapping[type[Exception], _Verdict] = {
    httpx.ConnectTimeout: (_TIMEOUT, KitCode.CONNECT_TIMEOUT),
    httpx.PoolTimeout: (_TIMEOUT, KitCode.POOL_TIMEOUT),
    httpx.TimeoutException: (_TIMEOUT, KitCode.ATTEMPT_TIMEOUT),
    httpx.ConnectError: (_ERROR, KitCode.CONNECT_FAILED),
    httpx.ProxyError: (_ERROR, KitCode.CONNECT_FAILED),
    httpx.NetworkError: (_ERROR, KitCode.CONNECTION_LOST),
    httpx.RemoteProtocolError: (_ERROR, KitCode.PROTOCOL_BROKEN),
    httpx.LocalProtocolError: (_ERROR, KitCode.REQUEST_REFUSED),
    httpx.UnsupportedProtocol: (_ERROR, KitCode.REQUEST_REFUSED),
    httpx.InvalidURL: (_ERROR, KitCode.REQUEST_REFUSED),
    httpx.CookieConflict: (_ERROR, KitCode.REQUEST_REFUSED),
    httpx.StreamError: (_ERROR, KitCode.TRANSPORT_FAILED),
    httpx.DecodingError: (Unavailability.MALFORMED, KitCode.CONTENT_ENCODED),
    httpx.TooManyRedirects: (_ERROR, KitCode.REDIRECTED),
    httpx.ProtocolError: (_ERROR, KitCode.PROTOCOL_BROKEN),
    httpx.TransportError: (_ERROR, KitCode.TRANSPORT_FAILED),
    httpx.HTTPError: (_ERROR, KitCode.TRANSPORT_FAILED),
}


class Transport:
    """Sends requests to one operator through an ``httpx.AsyncBaseTransport``.

    The base transport is the seam: tests hand in ``httpx.MockTransport``, :func:`open_transport` the real ones.
    """

    def __init__(self, base: httpx.AsyncBaseTransport, limits: TransportLimits | None = None) -> None:
        self._base = base
        self._limits = limits or TransportLimits()
        self._urls: OrderedDict[str, httpx.URL] = OrderedDict()

    async def send(self, request: WireRequest, *, timeout_s: float) -> WireResponse:
        """Send once and read the whole answer. ``timeout_s`` is wall-clock time for all of it, connecting included.

        Any status but a redirect is returned; nothing is followed, unpacked or tried again.

        Raises:
            OperatorFault: *timeout*, *operator_error* or *malformed*, with a :class:`KitCode`.
        """
        if timeout_s <= 0:
            raise OperatorFault(_TIMEOUT, KitCode.DEADLINE)
        try:
            # Defensive: a read timeout starts anew with every byte, so an operator that drips would never meet one.
            async with within(timeout_s):
                return await self._exchange(request)
        except OperatorFault:
            raise
        except TimeoutError as error:
            raise OperatorFault(_TIMEOUT, KitCode.ATTEMPT_TIMEOUT) from error
        except Exception as error:
            raise _fault_of(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._base.aclose()

    async def _exchange(self, request: WireRequest) -> WireResponse:
        url = self._url(request.url)
        # Handed over with a ready stream and these headers, httpx has nothing left to work out; that halves its cost.
        framing = (
            (b"host", url.netloc),
            (b"accept-encoding", b"identity"),
            (b"content-length", b"%d" % len(request.body)),
        )
        stream = httpx.ByteStream(request.body)
        response = await self._base.handle_async_request(
            httpx.Request(request.method, url, headers=[*framing, *request.headers], stream=stream)
        )
        body = response.stream
        if not isinstance(body, httpx.AsyncByteStream):
            raise OperatorFault(_ERROR, KitCode.TRANSPORT_FAILED)
        try:
            headers = _plain(response.headers.raw)
            _refuse_detours(response.status_code, headers)
            content = await _read(body, self._limits.body_bytes_max, response.status_code)
        finally:
            await body.aclose()
        return WireResponse(response.status_code, headers, content)

    def _url(self, text: str) -> httpx.URL:
        """Parsed URLs are kept: an operator has a handful of them and parsing one costs a tenth of a call."""
        url = self._urls.get(text)
        if url is None:
            url = self._urls[text] = httpx.URL(text)
            if len(self._urls) > _URLS_KEPT:
                self._urls.popitem(last=False)
        return url


def open_transport(
    kind: Literal["aiohttp", "httpx"], limits: TransportLimits, *, tls: ssl.SSLContext | None = None
) -> Transport:
    """A transport with its own connections: ``aiohttp`` for use, ``httpx`` (its own pool) as the slow yardstick.

    ``tls`` replaces the default context, which trusts certifi's list and no file that the environment names.
    """
    context = tls or _shared_tls()
    base: httpx.AsyncBaseTransport = (
        AiohttpTransport(limits, context) if kind == "aiohttp" else _native_transport(limits, context)
    )
    return Transport(base, limits)


def open_guarded_transport(
    limits: TransportLimits, permits: Callable[[str], bool], *, tls: ssl.SSLContext | None = None
) -> Transport:
    """A transport for addresses that strangers chose: it connects to nothing that ``permits`` refuses.

    ``permits`` gets each resolved address as text. The connection goes to the very address that was looked at, so a
    name that resolves to another one a moment later gains nothing. A host that is an address already is looked at, too.
    """
    context = tls or _shared_tls()
    return Transport(AiohttpTransport(limits, context, permits), limits)


def default_tls(ca: str | Path | None = None) -> ssl.SSLContext:
    """Believes the authorities of a PEM file, certifi's without one, and nothing that the environment names.

    Nothing below TLS 1.2 (RFC 9325, section 3.1.1): some distributions build a Python that leaves that open.
    """
    context = ssl.create_default_context(cafile=ca) if ca else httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def _shared_tls() -> ssl.SSLContext:
    """One context for whoever brings none: nobody changes it, and reading all the world's authorities takes 25 ms."""
    return default_tls()


Answerer = Callable[[WireRequest], Awaitable[WireResponse]]
"""Plays an operator: every request, whole, to one answer."""


def scripted_transport(answer: Answerer, limits: TransportLimits | None = None) -> Transport:
    """A transport whose other end is a function. Every limit and refusal of the real ones applies to its answers."""
    return Transport(_Scripted(answer), limits)


class _Scripted(httpx.AsyncBaseTransport):
    def __init__(self, answer: Answerer) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = tuple((name.lower(), value) for name, value in request.headers.raw)
        asked = WireRequest(request.method, str(request.url), headers, await request.aread())
        answer = await self._answer(asked)
        return httpx.Response(answer.status, headers=dict(answer.headers), stream=httpx.ByteStream(answer.body))


def _native_transport(limits: TransportLimits, tls: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    pool = httpx.Limits(
        max_connections=limits.connections_max,
        max_keepalive_connections=limits.connections_max,
        keepalive_expiry=limits.keepalive_s,
    )
    return httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=pool, retries=0)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """httpx's transport interface over an aiohttp session, with every convenience of the session switched off."""

    def __init__(
        self, limits: TransportLimits, tls: ssl.SSLContext, permits: Callable[[str], bool] | None = None
    ) -> None:
        self._limits = limits
        self._tls = tls
        self._permits = permits
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; the body is read from the response's stream.

        Raises:
            httpx.HTTPError: or another of httpx's exceptions, whatever aiohttp raised.
        """
        # The session belongs to the running loop, which is not there yet when the broker is put together.
        session = self._session or self._open()
        self._look_at(request.url.host)
        headers = CIMultiDict([(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw])
        body = await request.aread()
        with _IN_HTTPX_WORDS:
            answer = await session.request(
                request.method, str(request.url), headers=headers, data=body or None, allow_redirects=False
            )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    def _look_at(self, host: str) -> None:
        """Defensive: aiohttp asks its resolver about names only, and a URL may hold an address."""
        if self._permits is None:
            return
        with contextlib.suppress(ValueError):
            address = str(ipaddress.ip_address(host))
            if not self._permits(address):
                raise httpx.ConnectError("an address that is refused")

    async def aclose(self) -> None:
        """Close the session with all its connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            limit=self._limits.connections_max,
            limit_per_host=self._limits.connections_max,
            keepalive_timeout=self._limits.keepalive_s,
            resolver=_Choosy(self._permits) if self._permits else None,
            use_dns_cache=self._permits is None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            # Time is bounded once, around the whole exchange.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )
        return self._session


class _Choosy(aiohttp.abc.AbstractResolver):
    """Resolves names, and gives no address at all where one of them is refused: such an answer is up to something."""

    def __init__(self, permits: Callable[[str], bool]) -> None:
        self._permits = permits
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(self._permits(one["host"]) for one in found):
            raise OSError("an address that is refused")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _Body(httpx.AsyncByteStream):
    """The answer's bytes as they come; closing before the end drops the connection."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _IN_HTTPX_WORDS:
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        # aiohttp has already given a connection back whose body was read to the end; any other is of no more use.
        self._answer.close()


# aiohttp's names for the same troubles, most specific first.
_AIOHTTP_WORDS: tuple[tuple[type[Exception], type[httpx.HTTPError] | type[httpx.InvalidURL]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.ReadError),
    (aiohttp.ClientConnectionError, httpx.NetworkError),
    (aiohttp.ClientPayloadError, httpx.ReadError),
    (aiohttp.InvalidURL, httpx.InvalidURL),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.TransportError),
)


class _InHttpxWords:
    """Raises aiohttp's exceptions again as httpx's. A class, for a generator would cost a microsecond a call."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, aiohttp.ClientError):
            words = next(theirs for ours, theirs in _AIOHTTP_WORDS if isinstance(error, ours))
            raise words("aiohttp could not complete the exchange") from error


_IN_HTTPX_WORDS = _InHttpxWords()


def _plain(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _refuse_detours(status: int, headers: Mapping[str, str]) -> None:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        # Defensive: a redirect would carry the token and the number to a place that nobody configured.
        raise OperatorFault(_ERROR, KitCode.REDIRECTED, status=status)
    if status < HTTPStatus.OK:
        raise OperatorFault(Unavailability.MALFORMED, KitCode.UNEXPECTED_STATUS, status=status)
    if headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        # Defensive: we asked for none, and two hundred kilobytes of gzip can unpack to two hundred megabytes.
        raise OperatorFault(Unavailability.MALFORMED, KitCode.CONTENT_ENCODED, status=status)


async def _read(stream: httpx.AsyncByteStream, bytes_max: int, status: int) -> bytes:
    """The body, counted as it comes, so that memory is bounded whatever a Content-Length says."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > bytes_max:
            raise OperatorFault(Unavailability.MALFORMED, KitCode.RESPONSE_TOO_LARGE, status=status)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _fault_of(error: Exception) -> OperatorFault:
    for kind in type(error).__mro__:
        if kind in FAULTS:
            reason, code = FAULTS[kind]
            return OperatorFault(reason, code)
    # Another implementation's own exception, or the operating system's: still an operator without an answer.
    return OperatorFault(_ERROR, KitCode.TRANSPORT_FAILED)
