"""How an answer leaves: as it is, or spoiled by a fault."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.response import Stream

from adapters.mock.operator.apis.errors import ErrorInfo
from adapters.mock.operator.assault import strike
from adapters.mock.operator.attacks import Attack
from adapters.mock.operator.faults import (
    Drip,
    DuplicateMembers,
    Fault,
    FutureDate,
    Hang,
    Html,
    Latency,
    Malformed,
    Oversized,
    Status,
    TooMany,
    WrongType,
)

CHUNK_BYTES = 64 * 1024
SERVER_ERRORS = {500: "INTERNAL", 502: "BAD_GATEWAY", 503: "UNAVAILABLE", 504: "TIMEOUT"}
ERROR_PAGE = b"<!DOCTYPE html><html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>"
_DATE = re.compile(r"\d{4}-\d\d-\d\dT[^ ]+")


class Answer(msgspec.Struct):
    """A computed answer: status, what will be JSON, and headers."""

    status: int
    payload: Any
    headers: dict[str, str] = {}


AnyRequest = Request[Any, Any, Any]


async def deliver(answer: Answer, fault: Fault | None, request: AnyRequest, now: datetime) -> Response[Any]:
    """Send an answer, through the fault if there is one. Faults that change members act on 200 answers only."""
    if isinstance(fault, Attack):
        return strike(answer.status, answer.payload, answer.headers, fault)
    match fault:
        case Latency(delay_ms=delay_ms):
            await asyncio.sleep(delay_ms / 1000)
        case Hang(max_ms=max_ms):
            await _wait_for_departure(request, max_ms / 1000)
            answer = _server_error(504)
        case Status(status=status):
            answer = _server_error(status)
        case TooMany():
            answer = _too_many(fault)
        case Html():
            return Response(ERROR_PAGE, status_code=502, media_type=MediaType.HTML, headers=answer.headers)
        case WrongType() | FutureDate() if answer.status == 200:  # noqa: PLR2004
            answer = Answer(answer.status, _change(msgspec.to_builtins(answer.payload), fault, now), answer.headers)
        case _:
            pass
    return _send(answer, fault)


def _send(answer: Answer, fault: Fault | None) -> Response[Any]:
    if answer.status == HTTPStatus.NO_CONTENT:
        return Response(None, status_code=answer.status, headers=answer.headers)
    body = msgspec.json.encode(answer.payload)
    match fault:
        case Malformed():
            body = body[: len(body) // 2]
        case DuplicateMembers():
            body = _duplicated(body)
        case Oversized(size_bytes=size_bytes):
            return _stream(answer, _padded(body, size_bytes))
        case Drip(interval_ms=interval_ms):
            return _stream(answer, _drops(body, interval_ms / 1000))
        case _:
            pass
    return Response(body, status_code=answer.status, media_type=MediaType.JSON, headers=answer.headers)


def _stream(answer: Answer, chunks: AsyncIterator[bytes] | Iterator[bytes]) -> Response[Any]:
    return Stream(chunks, status_code=answer.status, media_type=MediaType.JSON, headers=answer.headers)


def _server_error(status: int) -> Answer:
    return Answer(status, ErrorInfo(status, SERVER_ERRORS[status], "The server is in trouble. Try again later."))


def _too_many(fault: TooMany) -> Answer:
    headers = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    return Answer(429, ErrorInfo(429, fault.code, "The limit for requests is reached."), headers)


async def _wait_for_departure(request: AnyRequest, max_s: float) -> None:
    """Until the caller hangs up, or the time is over: a caller who left keeps no task alive here."""
    try:
        async with asyncio.timeout(max_s):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


def _change(value: Any, fault: WrongType | FutureDate, now: datetime) -> Any:
    if isinstance(value, dict):
        return {name: _change(member, fault, now) for name, member in value.items()}
    if isinstance(value, list):
        return [_change(item, fault, now) for item in value]
    if isinstance(fault, FutureDate):
        is_date = isinstance(value, str) and _DATE.fullmatch(value)
        return (now + timedelta(days=1)).isoformat() if is_date else value
    return _wrongly_typed(value)


def _wrongly_typed(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # A date loses its zone; any other text becomes a number.
        return re.sub(r"(Z|[+-]\d\d:\d\d)$", "", value) if _DATE.fullmatch(value) else 7
    return value


def _duplicated(body: bytes) -> bytes:
    """The body with its first member twice, the first time saying the opposite; only objects have members."""
    members = msgspec.json.decode(body)
    if not isinstance(members, dict) or not members:
        return body
    name, value = next(iter(members.items()))
    opposite = not value if value is None or isinstance(value, bool) else None
    contradiction = msgspec.json.encode({name: opposite})
    return contradiction[:-1] + b"," + body[1:]


def _padded(body: bytes, size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left > 0:
        yield b" " * min(left, CHUNK_BYTES)
        left -= CHUNK_BYTES
    yield body


async def _drops(body: bytes, interval_s: float) -> AsyncIterator[bytes]:
    for index in range(len(body)):
        yield body[index : index + 1]
        await asyncio.sleep(interval_s)
