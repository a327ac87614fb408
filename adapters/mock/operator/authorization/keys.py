"""Where a client's public keys come from, and how often they may be fetched."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

JWKS_BYTES_MAX = 64 * 1024
KEYS_MAX = 20
FETCH_TIMEOUT_S = 3.0
REFETCH_INTERVAL_S = 2.0

VerificationKey = ECKey | RSAKey


class JwksUnavailable(Exception):
    """The client's key set cannot be had now; the message says why, without its content."""


class JwksSource(Protocol):
    """Something that can be read for a JWK set document."""

    async def read(self) -> bytes:
        """The document.

        Raises:
            JwksUnavailable: it cannot be had.
        """
        ...


class JwksFile:
    """A JWK set in a file, which may appear after this process has started."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> bytes:
        """The file's bytes, at most :data:`JWKS_BYTES_MAX`."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(JWKS_BYTES_MAX + 1)
        except OSError as error:
            raise JwksUnavailable(f"the key file cannot be read: {type(error).__name__}") from error


class JwksUrl:
    """A JWK set behind a URL, as a client publishes it."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> bytes:
        """The document, at most :data:`JWKS_BYTES_MAX` bytes and :data:`FETCH_TIMEOUT_S` seconds."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                return await self._fetch()
        except (httpx.HTTPError, TimeoutError) as error:
            raise JwksUnavailable(f"the key URL does not answer: {type(error).__name__}") from error

    async def _fetch(self) -> bytes:
        # Defensive: no proxy of the environment, no redirect, no compression, a cap while reading.
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=FETCH_TIMEOUT_S) as client,
            client.stream("GET", self._url, headers={"accept-encoding": "identity"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise JwksUnavailable(f"the key URL answers {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > JWKS_BYTES_MAX:
                    break
            return bytes(body)


class ClientKeys:
    """The public keys of one client: read on first need, and again when an unknown ``kid`` turns up, not too often."""

    def __init__(self, source: JwksSource, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._keys: dict[str | None, VerificationKey] = {}
        self._read_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> VerificationKey | None:
        """The key with this ``kid``; without one, the only key there is.

        Raises:
            JwksUnavailable: no keys were ever read, and they cannot be read now.
        """
        key = self._lookup(kid)
        if key is None:
            async with self._lock:
                key = self._lookup(kid)
                if key is None and self._may_read():
                    await self._refresh()
                    key = self._lookup(kid)
        return key

    def _lookup(self, kid: str | None) -> VerificationKey | None:
        if kid is not None:
            return self._keys.get(kid)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def _may_read(self) -> bool:
        # Defensive: whoever sends made-up key ids must not turn this server into a load on the client's.
        return self._read_at is None or self._monotonic() - self._read_at >= REFETCH_INTERVAL_S

    async def _refresh(self) -> None:
        self._read_at = self._monotonic()
        document = await self._source.read()
        if len(document) > JWKS_BYTES_MAX:
            raise JwksUnavailable("the key set is too large")
        self._keys = _import(document)


def _import(document: bytes) -> dict[str | None, VerificationKey]:
    try:
        listed = msgspec.json.decode(document, type=_JwkSet).keys
    except (msgspec.MsgspecError, ValueError) as error:
        raise JwksUnavailable(f"the key set is not usable: {type(error).__name__}") from error
    keys = [key for key in map(_import_one, listed) if key is not None]
    return {key.kid or f"#{index}": key for index, key in enumerate(keys)}


def _import_one(listed: dict[str, Any]) -> VerificationKey | None:
    """One key for checking signatures, or nothing: a set may hold keys for other uses and of kinds unknown here."""
    try:
        key = import_key(listed)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    # Defensive: a symmetric key in a public set would let anybody sign.
    return key if isinstance(key, ECKey | RSAKey) and key.get("use", "sig") == "sig" else None


class _JwkSet(msgspec.Struct):
    keys: list[dict[str, Any]]

    def __post_init__(self) -> None:
        if len(self.keys) > KEYS_MAX:
            raise ValueError("too many keys")
