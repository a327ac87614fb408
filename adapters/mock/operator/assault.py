"""How an attack leaves: made of an answer that was computed first, so that it looks like one for as long as it can."""

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import msgspec
from litestar import MediaType, Response
from litestar.response import Stream

from adapters.mock.operator.attacks import (
    Attack,
    Bomb,
    Endless,
    HeaderFlood,
    Instructions,
    Nested,
    NotANumber,
    OtherCorrelator,
    OtherStatus,
    OtherSubject,
    OtherType,
    Redirect,
    TokenLie,
)

BLOCK_BYTES = 64 * 1024
GZIP_WBITS, DEFLATE_WBITS = 31, 15
FOREVER_S = 10**15
HUGE_TOKEN_CHARS = 100_000
NAN = float("nan")


def strike(status: int, payload: Any, headers: Mapping[str, str], attack: Attack) -> Response[Any]:
    """The response that carries an attack out."""
    payload = msgspec.to_builtins(payload)
    match attack:
        case Bomb():
            sent = dict(headers) | {"content-encoding": attack.encoding}
            return Stream(_unpacking(attack), status_code=status, media_type=MediaType.JSON, headers=sent)
        case Endless():
            return Stream(_unending(attack), status_code=status, media_type=MediaType.JSON, headers=dict(headers))
        case Redirect(location=location, status=other):
            return Response(None, status_code=other, headers=dict(headers) | {"location": location})
        case OtherType(media_type=media_type):
            return Response(_json(payload), status_code=status, media_type=media_type, headers=dict(headers))
        case Instructions():
            status = attack.status if attack.is_error else status
        case OtherStatus(status=other):
            status = other
        case _:
            pass
    sent = dict(headers) | _headers(attack)
    return Response(_body(payload, attack), status_code=status, media_type=MediaType.JSON, headers=sent)


def _body(payload: Any, attack: Attack) -> bytes:
    members = payload if isinstance(payload, dict) else {"answer": payload}
    match attack:
        case Nested(depth=depth):
            return _json(members)[:-1] + b',"more":' + b"[" * depth + b"]" * depth + b"}"
        case NotANumber():
            return _json(_instead(members, (bool, int, float), NAN) | {"more": NAN})
        case OtherSubject(phone_number=number):
            return _json(members | {"device": {"phoneNumber": number}, "phoneNumber": number})
        case Instructions():
            return _json(_told(members, attack))
        case TokenLie() if "access_token" in members:
            return _json(members | _lie(attack))
        case _:
            return _json(payload)


def _told(members: dict[str, Any], attack: Instructions) -> dict[str, Any]:
    more = dict.fromkeys(("message", "description", "note", "error_description", attack.text[:50]), attack.text)
    if not attack.is_error:
        said: dict[str, Any] = _instead(members, (str, bool), attack.text)
        return said | more
    return {"status": attack.status, "code": attack.text, "details": [attack.text], **more}


def _lie(attack: TokenLie) -> dict[str, Any]:
    match attack.lie:
        case "forever":
            return {"expires_in": FOREVER_S}
        case "other_scope":
            return {"scope": "profile email"}
        case "other_purpose":
            return {"scope": "dpv:Marketing sim-swap:check sim-swap:retrieve-date sim-swap"}
        case "other_type":
            return {"token_type": "mac"}
        case "header":
            return {"access_token": "abc\r\nx-admin: true"}
        case "huge":
            return {"access_token": "a" * HUGE_TOKEN_CHARS}
        case "spent":
            return {"access_token": "nobody-knows-this-token"}


def _headers(attack: Attack) -> dict[str, str]:
    match attack:
        case HeaderFlood(headers=count, size_bytes=size):
            return {f"x-flood-{number}": "f" * size for number in range(count)}
        case OtherCorrelator():
            return {"x-correlator": "00000000-0000-4000-8000-000000000000"}
        case Instructions(text=text):
            return {"x-message": text, "retry-after": text, "www-authenticate": f'Bearer error_description="{text}"'}
        case _:
            return {}


def _instead(value: Any, kinds: tuple[type, ...], other: Any) -> Any:
    """Every value of these kinds replaced, at any depth."""
    if isinstance(value, dict):
        return {name: _instead(member, kinds, other) for name, member in value.items()}
    if isinstance(value, list):
        return [_instead(member, kinds, other) for member in value]
    return other if isinstance(value, kinds) else value


def _json(value: Any) -> bytes:
    """The library of the standard writes NaN, which is what is wanted here."""
    return json.dumps(value, default=str, separators=(",", ":")).encode()


def _unpacking(bomb: Bomb) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, GZIP_WBITS if bomb.encoding == "gzip" else DEFLATE_WBITS)
    block = b" " * BLOCK_BYTES
    for _ in range(bomb.size_bytes // BLOCK_BYTES):
        if packed := packer.compress(block):
            yield packed
    yield packer.compress(b"{}") + packer.flush()


async def _unending(attack: Endless) -> AsyncIterator[bytes]:
    until_s = time.monotonic() + attack.max_ms / 1000
    while time.monotonic() < until_s:
        yield b" " * attack.chunk_bytes
        await asyncio.sleep(attack.interval_ms / 1000)
