"""Bearer keys for a consumer's back end: ``tb_<key id>_<secret><seal>``, the secret stored as a hash.

Those of the sandbox begin with ``tb_sandbox_``, so that nobody takes one for a key that counts.

The secret has 256 random bits, so one SHA-256 is as good as a slow password hash and costs a microsecond. The seal is a
keyed checksum: nobody can make up a key that gets as far as the database, so made-up ones cannot crowd out real ones.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

_KEY = re.compile(r"tb_(sandbox_)?([a-z2-7]{16})_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{8})")
_CLIENT = re.compile(r"(cl_(?:sandbox_)?[a-z2-7]{16})_([A-Za-z0-9_-]{8})")
_KEY_ID_BYTES = 10
_SECRET_BYTES = 32
_SEAL_BYTES = 6


class MintedKey(NamedTuple):
    """A new key: what the consumer keeps (``token``, shown once) and what we keep (``key_id``, ``secret_hash``)."""

    key_id: str
    token: str
    secret_hash: bytes


class PresentedKey(NamedTuple):
    """The parts of a key that somebody presented; ``sandbox``: it says that it is of the sandbox."""

    key_id: str
    secret_hash: bytes
    sandbox: bool = False


def mint(random_bytes: Callable[[int], bytes], sealing_key: bytes, *, sandbox: bool = False) -> MintedKey:
    """Make a new key from a source of randomness (``secrets.token_bytes`` in earnest)."""
    key_id = base64.b32encode(random_bytes(_KEY_ID_BYTES)).decode("ascii").lower()
    secret = base64.urlsafe_b64encode(random_bytes(_SECRET_BYTES)).decode("ascii").rstrip("=")
    body = f"tb_{'sandbox_' if sandbox else ''}{key_id}_{secret}"
    return MintedKey(key_id, body + _seal(body, sealing_key), _hash(secret))


def mint_client_id(random_bytes: Callable[[int], bytes], sealing_key: bytes, *, sandbox: bool = False) -> str:
    """A new id for an OAuth client, sealed like a key: made-up ones never get as far as the database."""
    body = ("cl_sandbox_" if sandbox else "cl_") + base64.b32encode(random_bytes(_KEY_ID_BYTES)).decode("ascii").lower()
    return f"{body}_{_seal(body, sealing_key)}"


def is_client_id(text: str, sealing_key: bytes) -> bool:
    """Whether an id was made here."""
    match = _CLIENT.fullmatch(text)
    return match is not None and hmac.compare_digest(_seal(match[1], sealing_key), match[2])


def parse(token: str, sealing_key: bytes) -> PresentedKey | None:
    """Take a presented key apart; ``None`` when it has not the shape of one, or was never made here."""
    match = _KEY.fullmatch(token)
    if match is None or not hmac.compare_digest(_seal(token[: match.start(4)], sealing_key), match[4]):
        return None
    return PresentedKey(match[2], _hash(match[3]), sandbox=match[1] is not None)


def _seal(body: str, sealing_key: bytes) -> str:
    digest = hmac.digest(sealing_key, body.encode("ascii"), hashlib.sha256)[:_SEAL_BYTES]
    return base64.urlsafe_b64encode(digest).decode("ascii")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()
