"""Bearer keys for a consumer's back end: ``tb_<key id>_<secret>``, stored as a hash.

The secret has 256 random bits, so one SHA-256 is as good as a slow password hash and costs a microsecond.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

_KEY = re.compile(r"tb_([a-z2-7]{16})_([A-Za-z0-9_-]{43})")
_KEY_ID_BYTES = 10
_SECRET_BYTES = 32


class MintedKey(NamedTuple):
    """A new key: what the consumer keeps (``token``, shown once) and what we keep (``key_id``, ``secret_hash``)."""

    key_id: str
    token: str
    secret_hash: bytes


class PresentedKey(NamedTuple):
    """The two parts of a key that somebody presented."""

    key_id: str
    secret_hash: bytes


def mint(random_bytes: Callable[[int], bytes]) -> MintedKey:
    """Make a new key from a source of randomness (``secrets.token_bytes`` in earnest)."""
    key_id = base64.b32encode(random_bytes(_KEY_ID_BYTES)).decode("ascii").lower()
    secret = base64.urlsafe_b64encode(random_bytes(_SECRET_BYTES)).decode("ascii").rstrip("=")
    return MintedKey(key_id, f"tb_{key_id}_{secret}", _hash(secret))


def parse(token: str) -> PresentedKey | None:
    """Take a presented key apart; ``None`` when it has not the shape of one."""
    match = _KEY.fullmatch(token)
    return PresentedKey(match[1], _hash(match[2])) if match else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()
