"""AES-256-GCM as the vault uses it: a nonce of its own for every sealing, and associated data that cannot run together.

Layout: nonce (12 bytes), then ciphertext with its tag of 16 bytes (NIST SP 800-38D). Nonces are random, which is safe
for 2^32 sealings under one key; a key here belongs to one subject, or wraps as many keys as a tenant has subjects.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12

Random = Callable[[int], bytes]
"""So many random bytes, fit for keys."""


class Damaged(Exception):
    """What was to be opened is not what was sealed under this key, for this place."""


def seal(key: AESGCM, random: Random, plaintext: bytes, place: bytes) -> bytes:
    """The plaintext, sealed so that it opens only with the same key and the same place."""
    nonce = random(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, place)


def unseal(key: AESGCM, sealed: bytes, place: bytes) -> bytes:
    """The plaintext.

    Raises:
        Damaged: another key, another place, or not one bit as it was.
    """
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:
        raise Damaged from error


def place(*parts: str | bytes | int) -> bytes:
    """Associated data from parts; each with its length before it, so that no two lists give the same bytes."""
    encoded = [part if isinstance(part, bytes) else str(part).encode("utf-8") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
