"""Root keys in a key management service with the wire of HashiCorp Vault's transit engine (OpenBao speaks it, too).

The keys never leave the service: it encrypts and decrypts the keys of tenants, bound to their place by associated data.
``vault:v3:…`` is what it gives back, and the version in it is part of the root key's name here. The token is read from
its file at every call, so whoever renews it (an agent that writes a file, say) needs to tell nobody.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.transport import Transport, WireRequest
from broker.errors import Misconfigured, Unrecorded
from broker.privacy import secret_files
from broker.privacy.root_keys import RootKeys
from broker.privacy.sealing import Damaged

_TIMEOUT_S = 5.0
_OK, _NO_CONTENT, _BAD_REQUEST, _FORBIDDEN, _NOT_FOUND = 200, 204, 400, 403, 404
_VERSION = re.compile(r"v([1-9][0-9]{0,8})")
# What is wrong with us rather than with the ciphertext: the service says both with 400, and tells them apart in words.
_OURS = re.compile(r"not found|too old|disallowed|not allowed|unsupported")


class TransitKey(NamedTuple):
    """Where the key is: the service's address, the engine's mount, the key's name, and the file with our token."""

    url: str
    mount: str
    name: str
    token: Path


class _Key(msgspec.Struct, frozen=True):
    latest_version: int
    min_decryption_version: int = 1


class TransitRootKeys:
    """One key of the service, in all its versions; ``before`` knows the root keys of before there was a service."""

    def __init__(self, key: TransitKey, connect: Callable[[], Transport], before: RootKeys | None = None) -> None:
        self._key = key
        self._connect = connect
        self._before = before

    async def current(self) -> str:
        """The newest version."""
        return self._id((await self._standing()).latest_version)

    async def wrap(self, key_id: str, plaintext: bytes, place: bytes) -> bytes:
        """Encrypted by the service under that version."""
        version = self._version(key_id)
        if version is None:
            return await self._former(key_id).wrap(key_id, plaintext, place)
        asked = {"plaintext": _b64(plaintext), "associated_data": _b64(place), "key_version": version}
        answer = await self._call("POST", f"encrypt/{self._key.name}", asked)
        return str(answer["ciphertext"]).encode("ascii")

    async def unwrap(self, key_id: str, wrapped: bytes, place: bytes) -> bytes:
        """Decrypted by the service."""
        version = self._version(key_id)
        if version is None:
            return await self._former(key_id).unwrap(key_id, wrapped, place)
        # Defensive: the name stands in another column than what it names; the two have to agree.
        if not wrapped.startswith(b"vault:v%d:" % version) or not wrapped.isascii():
            raise Damaged
        asked = {"ciphertext": wrapped.decode("ascii"), "associated_data": _b64(place)}
        answer = await self._call("POST", f"decrypt/{self._key.name}", asked)
        try:
            return base64.b64decode(str(answer["plaintext"]), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Damaged from error

    async def require(self, ids: Collection[str]) -> None:
        """Refuse to go on without any of these, or without the service."""
        standing = await self._standing()
        former = [key_id for key_id in ids if self._version(key_id) is None]
        if former:
            await self._former(former[0]).require(former)
        for key_id in sorted(set(ids) - set(former)):
            if not standing.min_decryption_version <= (self._version(key_id) or 0) <= standing.latest_version:
                raise Misconfigured(
                    f"{self._where}: {key_id} is not there or may not decrypt any more, and keys in the database are"
                    " wrapped under it; lower min_decryption_version, or restore the key"
                )

    async def renew(self) -> None:
        """Have the service make a new version."""
        await self._call("POST", f"keys/{self._key.name}/rotate", {})

    async def keep(self, ids: Collection[str]) -> list[str]:
        """Forget former root keys that are in a file of ours; which versions decrypt is the service's to say."""
        return await self._before.keep(ids) if self._before else []

    async def _standing(self) -> _Key:
        told = await self._call("GET", f"keys/{self._key.name}")
        try:
            return msgspec.convert(told, _Key)
        except msgspec.ValidationError as error:
            raise Unrecorded(f"{self._where}: answered what is no key") from error

    def _former(self, key_id: str) -> RootKeys:
        if self._before is None:
            raise Misconfigured(
                f"{self._where}: the root key {key_id} is not there, and keys in the database are wrapped under it;"
                " put vault.keys back until `keys rotate-root` is done"
            )
        return self._before

    def _id(self, version: int) -> str:
        return f"{self._key.mount}/{self._key.name}:v{version}"

    def _version(self, key_id: str) -> int | None:
        """The version that a name stands for; ``None`` where it names no key of the service."""
        name, _, version = key_id.rpartition(":")
        found = _VERSION.fullmatch(version)
        return int(found[1]) if found and name == f"{self._key.mount}/{self._key.name}" else None

    async def _call(self, method: str, path: str, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        token = secret_files.read(self._key.token).strip()
        url = f"{self._key.url.rstrip('/')}/v1/{self._key.mount}/{path}"
        headers = ((b"x-vault-token", token), (b"x-vault-request", b"true"), (b"content-type", b"application/json"))
        body = b"" if asked is None else msgspec.json.encode(asked)
        transport = self._connect()
        try:
            answer = await transport.send(WireRequest(method, url, headers, body), timeout_s=_TIMEOUT_S)
        except OperatorFault as fault:
            raise Unrecorded(f"{self._where}: the key management service does not answer: {fault.code}") from fault
        finally:
            await transport.aclose()
        if answer.status == _NO_CONTENT:
            return {}
        return self._read(answer.status, answer.body)

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            told = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            told = {}
        if status == _OK and isinstance(told.get("data"), dict):
            return dict(told["data"])
        if status == _FORBIDDEN:
            raise Misconfigured(f"{self._where}: the token in {self._key.token} may not use this key; renew it")
        if status == _NOT_FOUND or (status == _BAD_REQUEST and _OURS.search(str(told.get("errors")))):
            raise Misconfigured(f"{self._where}: there is no such key, or its policy forbids this; see the service")
        if status == _BAD_REQUEST:
            raise Damaged
        raise Unrecorded(f"{self._where}: the key management service answered {status}")

    @property
    def _where(self) -> str:
        return f"{self._key.url}, {self._key.mount}/{self._key.name}"

    def __repr__(self) -> str:
        return f"TransitRootKeys({self._where})"


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
