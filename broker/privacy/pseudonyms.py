"""Keyed pseudonyms and commitments, separate for each tenant.

A plain hash of a phone number is the phone number: all of them can be tried in minutes. So everything stored is an
HMAC under a key that is derived from the root key for one tenant and one use. Two tenants cannot join their subjects.
"""

import hashlib
import hmac

from broker.domain.phone import PhoneNumber

ROOT_KEY_BYTES = 32
PSEUDONYM_BYTES = 16


class Pseudonyms:
    """Derives tenant keys from a root key of 32 bytes and names subjects with them."""

    def __init__(self, root_key: bytes) -> None:
        if len(root_key) != ROOT_KEY_BYTES:
            raise ValueError(f"the root key has {ROOT_KEY_BYTES} bytes")
        self._root_key = root_key

    def subject(self, tenant: str, phone: PhoneNumber) -> bytes:
        """The tenant's name for a subject, 16 bytes; the same number under another tenant gives another name."""
        return hmac.digest(self._key(tenant, b"subject"), phone.e164.encode("ascii"), hashlib.sha256)[:PSEUDONYM_BYTES]

    def commitment(self, tenant: str, payload: bytes) -> bytes:
        """A keyed commitment to a payload, 32 bytes: proves later what was stored, tells nothing without the key."""
        return hmac.digest(self._key(tenant, b"commitment"), payload, hashlib.sha256)

    def digest(self, tenant: str, content: bytes) -> bytes:
        """A keyed name of 32 bytes for what a tenant is waiting for."""
        return hmac.digest(self._key(tenant, b"pending"), content, hashlib.sha256)

    def _key(self, tenant: str, use: bytes) -> bytes:
        # Length first, so that no tenant name can run into the use and collide with another pair.
        name = tenant.encode("utf-8")
        return hmac.digest(self._root_key, len(name).to_bytes(2, "big") + name + use, hashlib.sha256)

    def __repr__(self) -> str:
        return "Pseudonyms(…)"
