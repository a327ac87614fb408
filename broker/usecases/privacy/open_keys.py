"""Open the secrets that everything else stands on, and refuse those that do not fit."""

import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from broker.audit import signing_key
from broker.audit.signing_key import SigningKey
from broker.errors import Misconfigured
from broker.privacy import secret_files
from broker.privacy.pseudonyms import ROOT_KEY_BYTES, Pseudonyms
from broker.privacy.root_keys import ENVIRONMENT, FileRootKeys, LocalRootKeys, RootKeyFile, RootKeys
from broker.privacy.sealing import Random


class KeyMemory(Protocol):
    """Remembers which root key it was used with."""

    async def root_key_fingerprint(self) -> bytes | None:
        """The fingerprint of that key; ``None`` when there was none yet."""
        ...

    async def keep_root_key_fingerprint(self, fingerprint: bytes) -> None:
        """Keep it where there is none."""
        ...


async def open_pseudonyms(path: Path, memory: KeyMemory) -> Pseudonyms:
    """The pseudonyms under the root key in ``path``; a key is made only for a database that never had one.

    Raises:
        Misconfigured: the file is bad, or is not the key whose pseudonyms are in the database. A new key in place of a
            lost one would make every subject a stranger, without a word.
    """
    used_before = await memory.root_key_fingerprint() is not None
    pseudonyms = Pseudonyms(_root_key(path, may_be_new=not used_before))
    fingerprint = pseudonyms.fingerprint_of_root()
    await memory.keep_root_key_fingerprint(fingerprint)
    kept = await memory.root_key_fingerprint()
    if kept is None or not hmac.compare_digest(kept, fingerprint):
        raise Misconfigured(
            f"{path}: this is not the root key that the database was first used with; put that file back from its"
            " backup, or point storage.url at a new database"
        )
    return pseudonyms


def _root_key(path: Path, *, may_be_new: bool) -> bytes:
    if not may_be_new and not path.exists():
        raise Misconfigured(
            f"{path}: the root key is gone, and the database holds pseudonyms made with it; put the file back from its"
            " backup, or point storage.url at a new database"
        )
    root = secret_files.read_or_create(path, lambda: secrets.token_bytes(ROOT_KEY_BYTES))
    if len(root) != ROOT_KEY_BYTES:
        raise Misconfigured(f"{path}: has {len(root)} bytes and not {ROOT_KEY_BYTES}; put it back from its backup")
    return root


class WrappedKeys(Protocol):
    """Where keys lie that root keys of the vault have wrapped."""

    async def roots_in_use(self) -> set[str]:
        """The names of the root keys that are needed."""
        ...


Service = Callable[[RootKeys | None], RootKeys]
"""The root keys of a service, with those of before there was one."""


async def open_root_keys(
    file: RootKeyFile | None, keys: WrappedKeys, random: Random, service: Service | None = None
) -> RootKeys:
    """The root keys of the vault: in a service, their file, or else the environment; no file replaces one that is gone.

    Where there is a service, ``file`` is that of before; it is not made.

    Raises:
        Misconfigured: there is none, one is no key, or one is missing that the database needs.
    """
    needed = await keys.roots_in_use()
    roots: RootKeys
    if service is not None:
        roots = service(FileRootKeys(file, random) if file is not None and file.path.exists() else None)
    elif file is None:
        roots = LocalRootKeys(lambda: os.environ.get(ENVIRONMENT, ""), ENVIRONMENT, random)
    elif needed and not file.path.exists():
        raise Misconfigured(
            f"{file.path}: the root keys of the vault are gone, and the database holds keys that they wrapped; put the"
            " file back from its backup"
        )
    else:
        roots = FileRootKeys(file, random)
    await roots.require(needed)
    return roots


def open_signing_key(path: Path) -> SigningKey:
    """The ES256 key in ``path``, made on first use.

    Raises:
        Misconfigured: the file is not such a key.
    """
    pem = secret_files.read_or_create(path, signing_key.generate_pem)
    try:
        return SigningKey(pem)
    except Exception as error:
        # The library's own words may quote the file.
        raise Misconfigured(
            f"{path}: not a P-256 private key in PEM; put the file back, or delete it to have a new one made"
        ) from error


def require_apart(uses: Mapping[str, Path]) -> None:
    """Refuse one file for two purposes: a key that signs for one could then vouch for the other.

    Raises:
        Misconfigured: names the file and both purposes.
    """
    seen: dict[Path, str] = {}
    for use, path in uses.items():
        other = seen.setdefault(path.resolve(), use)
        if other != use:
            raise Misconfigured(f"{path}: is {other} and {use}; give each a file of its own")
