"""Root keys: what wraps the keys of tenants. They never lie in the database.

A provider holds several, each with a name, and one is current: a file of ours, the environment, or a key management
service (:mod:`broker.privacy.transit`), which the keys themselves never leave.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import Misconfigured
from broker.privacy import sealing, secret_files
from broker.privacy.sealing import KEY_BYTES, Random

ENVIRONMENT = "TRUST_BROKER_VAULT_KEYS"
_ID_BYTES = 6
_HINT = "one key a line: 32 random bytes in base64, the current one first"


class RootKeys(Protocol):
    """Wraps and unwraps keys; ``place`` is bound to what is wrapped, as the encryption context of a service is."""

    async def current(self) -> str:
        """The name of the key that wraps what is new."""
        ...

    async def wrap(self, key_id: str, plaintext: bytes, place: bytes) -> bytes:
        """Wrap under the key of that name.

        Raises:
            Misconfigured: there is no such key here.
        """
        ...

    async def unwrap(self, key_id: str, wrapped: bytes, place: bytes) -> bytes:
        """What was wrapped under the key of that name.

        Raises:
            Misconfigured: there is no such key here.
            Damaged: it is not what was wrapped.
        """
        ...

    async def require(self, ids: Collection[str]) -> None:
        """Refuse to go on without any of these.

        Raises:
            Misconfigured: names the first that is missing.
        """
        ...

    async def renew(self) -> None:
        """Make another key the current one; the others go on unwrapping.

        Raises:
            Misconfigured: that is for somebody else to do; says what.
        """
        ...

    async def keep(self, ids: Collection[str]) -> list[str]:
        """Forget all but the current key and those, as far as that is ours to do; the names of what went."""
        ...


class LocalRootKeys:
    """Root keys in the memory of this process, as some text has them; read again when an unknown one is named.

    ``read`` gives the text and ``source`` says in errors where it lies. So a node whose file was given another key by
    a rotation elsewhere takes no restart to find it.
    """

    def __init__(self, read: Callable[[], str], source: str, random: Random) -> None:
        self._read = read
        self._source = source
        self._random = random
        self._keys = parse(read(), source)

    async def current(self) -> str:
        """The first one."""
        self._keys = parse(self._read(), self._source)
        return next(iter(self._keys))

    async def wrap(self, key_id: str, plaintext: bytes, place: bytes) -> bytes:
        """Wrap under the key of that name."""
        return sealing.seal(self._key(key_id), self._random, plaintext, place)

    async def unwrap(self, key_id: str, wrapped: bytes, place: bytes) -> bytes:
        """What was wrapped under the key of that name."""
        return sealing.unseal(self._key(key_id), wrapped, place)

    async def require(self, ids: Collection[str]) -> None:
        """Refuse to go on without any of these."""
        for key_id in sorted(ids):
            self._key(key_id)

    async def renew(self) -> None:
        """Nothing that we could do to an environment."""
        raise Misconfigured(
            f"{self._source}: its first key is the one in use; put a new one before it on every node, then run this"
            " again"
        )

    async def keep(self, ids: Collection[str]) -> list[str]:
        """Nothing is ours to forget."""
        del ids
        return []

    def _key(self, key_id: str) -> AESGCM:
        if key_id not in self._keys:
            self._keys = parse(self._read(), self._source)
        if key_id not in self._keys:
            raise Misconfigured(
                f"{self._source}: the root key {key_id} is not there, and keys in the database are wrapped under it;"
                " put it back from its backup, as a further line"
            )
        return AESGCM(self._keys[key_id])

    def __repr__(self) -> str:
        return f"LocalRootKeys({self._source})"


class FileRootKeys(LocalRootKeys):
    """Root keys in a file of ours, which may be changed from here."""

    def __init__(self, file: "RootKeyFile", random: Random) -> None:
        super().__init__(file.read, str(file.path), random)
        self._file = file

    async def renew(self) -> None:
        """Put a new key before the others."""
        self._file.add()

    async def keep(self, ids: Collection[str]) -> list[str]:
        """Forget all but the current key and those."""
        return self._file.keep(ids)


class RootKeyFile:
    """A file of root keys, readable by its owner only; the current one is the first line."""

    def __init__(self, path: Path, random: Random) -> None:
        self.path = path
        self._random = random

    def read(self) -> str:
        """The text; made with one key where there is no file yet."""
        return secret_files.read_or_create(self.path, lambda: _line(self._random(KEY_BYTES))).decode("ascii", "replace")

    def add(self) -> str:
        """Put a new key before the others; its name."""
        key = self._random(KEY_BYTES)
        secret_files.replace(self.path, _line(key) + self.read().encode("ascii"))
        return id_of(key)

    def keep(self, ids: Collection[str]) -> list[str]:
        """Forget all but the current key and those; the names of what went."""
        keys = parse(self.read(), str(self.path))
        current = next(iter(keys))
        kept = {key_id: key for key_id, key in keys.items() if key_id == current or key_id in ids}
        if len(kept) < len(keys):
            secret_files.replace(self.path, b"".join(map(_line, kept.values())))
        return [key_id for key_id in keys if key_id not in kept]


def id_of(key: bytes) -> str:
    """The name of a root key: a short digest, so that no name can be given to the wrong key."""
    return hashlib.sha256(b"root key of the vault" + key).hexdigest()[: 2 * _ID_BYTES]


def parse(text: str, source: str) -> Mapping[str, bytes]:
    """The keys of a text by their names, the current one first.

    Raises:
        Misconfigured: a line is no key, or there is none.
    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.split(), 1):
        try:
            key = base64.b64decode(line, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Misconfigured(f"{source}: line {number} is no base64; write {_HINT}") from error
        if len(key) != KEY_BYTES:
            raise Misconfigured(f"{source}: line {number} has {len(key)} bytes and not {KEY_BYTES}; write {_HINT}")
        keys.setdefault(id_of(key), key)
    if not keys:
        raise Misconfigured(f"{source}: no key; write {_HINT}")
    return keys


def _line(key: bytes) -> bytes:
    return base64.urlsafe_b64encode(key) + b"\n"
