"""Keyed pseudonyms and commitments, separate for each tenant.

A plain hash of a phone number is the phone number: all of them can be tried in minutes. So everything stored is an
HMAC under a key that is derived from the root key for one tenant and one use. Two tenants cannot join their subjects.
"""

import hashlib
import hmac
from functools import lru_cache

from broker.domain.phone import PhoneNumber

ROOT_KEY_BYTES = 32
PSEUDONYM_BYTES = 16
MARK_BYTES = 16
SALT_BYTES = 16
_KEYS_KEPT = 4096


class Pseudonyms:
    """Derives tenant keys from a root key of 32 bytes and names subjects with them."""

    def __init__(self, root_key: bytes) -> None:
        if len(root_key) != ROOT_KEY_BYTES:
            raise ValueError(f"the root key has {ROOT_KEY_BYTES} bytes")
        self._root_key = root_key
        # Half a dozen for each check otherwise; a tenant more than fit costs a derivation, nothing else.
        self._key = lru_cache(_KEYS_KEPT)(self._derived)

    def subject(self, tenant: str, phone: PhoneNumber) -> bytes:
        """The tenant's name for a subject, 16 bytes; the same number under another tenant gives another name."""
        return hmac.digest(self._key(tenant, b"subject"), phone.e164.encode("ascii"), hashlib.sha256)[:PSEUDONYM_BYTES]

    def digest(self, tenant: str, content: bytes) -> bytes:
        """A keyed name of 32 bytes for what a tenant is waiting for."""
        return hmac.digest(self._key(tenant, b"pending"), content, hashlib.sha256)

    def salt(self, tenant: str, check_id: str) -> bytes:
        """The salt of a check's action digest, 16 bytes; the log never holds it, the receipt does."""
        return hmac.digest(self._key(tenant, b"salt"), check_id.encode("utf-8"), hashlib.sha256)[:SALT_BYTES]

    def mark(self, tenant: str, value: bytes) -> bytes:
        """A name for a value that a caller sent, 16 bytes: equal values can be told, and no value can be read."""
        return hmac.digest(self._key(tenant, b"value"), value, hashlib.sha256)[:MARK_BYTES]

    def fingerprint(self, tenant: str, digest: bytes) -> bytes:
        """A keyed digest of the digest of a request, 32 bytes: a request holds a number, too easily guessed."""
        return hmac.digest(self._key(tenant, b"fingerprint"), digest, hashlib.sha256)

    def fingerprint_of_root(self) -> bytes:
        """A name for the root key, 32 bytes, that says nothing about it: kept to notice when it is another one."""
        return self._key("", b"root")

    def webhook_key(self, tenant: str, webhook_id: str, generation: int, use: str) -> bytes:
        """What a webhook signs with, 32 bytes: derived, so that no database holds a secret of anybody's receiver."""
        name = f"{use}:{generation}:{webhook_id}".encode()
        return hmac.digest(self._key(tenant, b"webhook"), name, hashlib.sha256)

    def sealing_key(self) -> bytes:
        """The key that seals bearer keys, one for all tenants: whose a key is, is not known before it is read."""
        return self._key("", b"bearer")

    def link_key(self) -> bytes:
        """The key that seals where links lead, alike on every node."""
        return self._key("", b"link")

    def nonce_key(self) -> bytes:
        """The key under which nonces for proofs of possession are made, alike on every node."""
        return self._key("", b"nonce")

    def _derived(self, tenant: str, use: bytes) -> bytes:
        # Length first, so that no tenant name can run into the use and collide with another pair.
        name = tenant.encode("utf-8")
        return hmac.digest(self._root_key, len(name).to_bytes(2, "big") + name + use, hashlib.sha256)

    def __repr__(self) -> str:
        return "Pseudonyms(…)"
