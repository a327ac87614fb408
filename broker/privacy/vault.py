"""The vault: what is personal is sealed under a key of its subject, and erasing somebody is destroying that key.

A random key for each subject of a tenant is wrapped under the tenant's key, and that one under a root key. The store
holds wrapped keys only; a tenant's row under another tenant's key, or a payload in another subject's place, does not
open. Rotating root and tenant keys wraps keys anew and touches no payload.

Sealed: 1 byte layout, 8 bytes id of the key, then nonce, ciphertext and tag (:mod:`broker.privacy.sealing`).
"""

import hashlib
import hmac
import logging
from collections import OrderedDict
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.clock import Clock
from broker.errors import BrokerError, Erased
from broker.privacy import sealing
from broker.privacy.root_keys import RootKeys
from broker.privacy.sealing import KEY_BYTES, Damaged, Random, place
from broker.storage.records import SubjectKeyRow, TenantKeyRow

_log = logging.getLogger(__name__)
_LAYOUT = b"\x01"
_ID_BYTES = 8
_HEAD_BYTES = len(_LAYOUT) + _ID_BYTES
_TENANT_KEY_S = 60.0
"""How long a node goes on with the version of a tenant's key that it knows."""

Whose = tuple[str, bytes]
"""Tenant, and its pseudonym for the subject."""


class Keys(Protocol):
    """Where wrapped keys are kept."""

    async def tenant_keys(self, tenant: str) -> list[TenantKeyRow]:
        """All versions of a tenant's key, the newest last."""
        ...

    async def add_tenant_key(self, key: TenantKeyRow) -> None:
        """Add a version; where somebody else added it first, theirs stays."""
        ...

    async def subject_keys(self, tenant: str, subject: bytes) -> list[SubjectKeyRow]:
        """The keys of a subject, the newest last."""
        ...

    async def add_subject_key(self, key: SubjectKeyRow) -> None:
        """Add a key."""
        ...


class SubjectKey:
    """A subject's key, unwrapped. ``row`` is how it is stored; until ``durable``, whoever seals writes it along."""

    def __init__(self, row: SubjectKeyRow, raw: bytes, random: Random, *, durable: bool) -> None:
        self.row = row
        self.durable = durable
        self._random = random
        self._cipher = AESGCM(raw)
        self._commitment_key = hmac.digest(raw, b"commitment", hashlib.sha256)

    @property
    def unwritten(self) -> SubjectKeyRow | None:
        """The row that has to go into the transaction of what was sealed; ``None`` when it is there."""
        return None if self.durable else self.row

    def seal(self, use: str, plaintext: bytes) -> bytes:
        """Sealed for one use: the name of a kind of payload and the id of what it belongs to, ``record:chk_1``."""
        return _LAYOUT + self.row.key_id + sealing.seal(self._cipher, self._random, plaintext, self._place(use))

    def unseal(self, use: str, sealed: bytes) -> bytes:
        """The plaintext; raises *Damaged*."""
        return sealing.unseal(self._cipher, sealed[_HEAD_BYTES:], self._place(use))

    def commitment(self, payload: bytes) -> bytes:
        """A digest of a payload, 32 bytes, that nobody can test a guess against once this key is destroyed."""
        return hmac.digest(self._commitment_key, payload, hashlib.sha256)

    def _place(self, use: str) -> bytes:
        return place("payload", self.row.tenant, self.row.subject, use)

    def __repr__(self) -> str:
        return f"SubjectKey({self.row.tenant})"


class _TenantKey(msgspec.Struct, frozen=True):
    version: int
    cipher: AESGCM
    read_s: float


class Vault:
    """Seals and opens. Keeps at most ``entries_max`` unwrapped keys of subjects in memory, and one of each tenant."""

    def __init__(self, keys: Keys, roots: RootKeys, clock: Clock, random: Random, *, entries_max: int) -> None:
        self._keys = keys
        self._roots = roots
        self._clock = clock
        self._random = random
        self._entries_max = entries_max
        self._subjects: OrderedDict[Whose, dict[bytes, SubjectKey]] = OrderedDict()
        self._tenants: dict[tuple[str, int], AESGCM] = {}
        self._newest: dict[str, _TenantKey] = {}

    async def key(self, tenant: str, subject: bytes) -> SubjectKey:
        """The key to seal with. A new one goes into the store with what it sealed; tell :meth:`written` then.

        Raises:
            Unrecorded, Overloaded: the store cannot be used.
        """
        known = self._subjects.get((tenant, subject))
        if not known:
            known = await self._read(tenant, subject)
        if known:
            self._subjects.move_to_end((tenant, subject))
            return next(reversed(known.values()))
        made = await self._make(tenant, subject)
        # While the tenant's key was looked up, another check may have made one: then that is the one.
        together = self._hold((tenant, subject), {})
        return next(reversed(together.values())) if together else together.setdefault(made.row.key_id, made)

    def written(self, key: SubjectKey) -> None:
        """Note that the key's row is in the store."""
        key.durable = True

    async def seal(self, tenant: str, subject: bytes, use: str, plaintext: bytes) -> bytes:
        """Sealed under the subject's key, which is in the store when this returns.

        Raises:
            Unrecorded, Overloaded: the store cannot be used.
        """
        key = await self.key(tenant, subject)
        if not key.durable:
            await self._keys.add_subject_key(key.row)
            self.written(key)
        return key.seal(use, plaintext)

    async def open(self, tenant: str, subject: bytes, use: str, sealed: bytes) -> bytes:
        """The plaintext of what was sealed for that subject and use.

        Raises:
            Erased: the key that sealed it is gone.
            BrokerError: the key is there and does not fit: somebody changed what was stored.
            Unrecorded, Overloaded: the store cannot be used.
        """
        key_id = sealed[len(_LAYOUT) : _HEAD_BYTES]
        known = self._subjects.get((tenant, subject), {})
        if key_id not in known:
            known = await self._read(tenant, subject)
        key = known.get(key_id)
        if not sealed.startswith(_LAYOUT):
            raise _damaged(tenant)
        if key is None:
            raise Erased
        try:
            return key.unseal(use, sealed)
        except Damaged as error:
            raise _damaged(tenant) from error

    def forget(self, tenant: str, subject: bytes) -> None:
        """Drop what is held of a subject; the next one to ask reads the store."""
        self._subjects.pop((tenant, subject), None)

    async def _read(self, tenant: str, subject: bytes) -> dict[bytes, SubjectKey]:
        rows = await self._keys.subject_keys(tenant, subject)
        if not rows:
            return {}
        found = {}
        for row in rows:
            raw = self._unwrap(row, await self._tenant_cipher(tenant, row.tenant_version))
            found[row.key_id] = SubjectKey(row, raw, self._random, durable=True)
        return self._hold((tenant, subject), found)

    def _hold(self, whose: Whose, found: dict[bytes, SubjectKey]) -> dict[bytes, SubjectKey]:
        held = self._subjects.setdefault(whose, {})
        for key_id, key in found.items():
            held.setdefault(key_id, key)
        self._subjects.move_to_end(whose)
        while len(self._subjects) > self._entries_max:
            self._subjects.popitem(last=False)
        return held

    async def _make(self, tenant: str, subject: bytes) -> SubjectKey:
        newest = await self._newest_of(tenant)
        raw, key_id = self._random(KEY_BYTES), self._random(_ID_BYTES)
        wrapped = sealing.seal(newest.cipher, self._random, raw, subject_place(tenant, subject, key_id))
        now_ms = int(self._clock.now().timestamp() * 1000)
        row = SubjectKeyRow(tenant, subject, key_id, newest.version, wrapped, now_ms)
        return SubjectKey(row, raw, self._random, durable=False)

    async def _newest_of(self, tenant: str) -> _TenantKey:
        known = self._newest.get(tenant)
        now_s = self._clock.monotonic_s()
        if known is not None and now_s - known.read_s < _TENANT_KEY_S:
            return known
        rows = await self._keys.tenant_keys(tenant) or await self._first(tenant)
        cipher = await self._tenant_cipher(tenant, rows[-1].version, rows)
        newest = self._newest[tenant] = _TenantKey(rows[-1].version, cipher, now_s)
        return newest

    async def _first(self, tenant: str) -> list[TenantKeyRow]:
        await self._keys.add_tenant_key(await new_tenant_key(self._roots, self._clock, self._random, tenant, 1))
        # Read again: another node may have been quicker, and theirs is then the key.
        return await self._keys.tenant_keys(tenant)

    async def _tenant_cipher(self, tenant: str, version: int, rows: list[TenantKeyRow] | None = None) -> AESGCM:
        known = self._tenants.get((tenant, version))
        if known is not None:
            return known
        for row in rows or await self._keys.tenant_keys(tenant):
            if row.version == version:
                return self._tenants.setdefault((tenant, version), await unwrap_tenant_key(self._roots, row))
        raise _damaged(tenant)

    def _unwrap(self, row: SubjectKeyRow, cipher: AESGCM) -> bytes:
        try:
            return unwrap_subject_key(cipher, row)
        except Damaged as error:
            raise _damaged(row.tenant) from error

    def __repr__(self) -> str:
        return f"Vault({len(self._subjects)} subjects)"


async def new_tenant_key(roots: RootKeys, clock: Clock, random: Random, tenant: str, version: int) -> TenantKeyRow:
    """A new version of a tenant's key, wrapped under the current root key."""
    root_id = await roots.current()
    wrapped = await roots.wrap(root_id, random(KEY_BYTES), _tenant_place(tenant, version))
    return TenantKeyRow(tenant, version, root_id, wrapped, int(clock.now().timestamp() * 1000))


async def unwrap_tenant_key(roots: RootKeys, row: TenantKeyRow) -> AESGCM:
    """A version of a tenant's key."""
    try:
        return AESGCM(await roots.unwrap(row.root_id, row.wrapped, _tenant_place(row.tenant, row.version)))
    except Damaged as error:
        raise _damaged(row.tenant) from error


def unwrap_subject_key(cipher: AESGCM, row: SubjectKeyRow) -> bytes:
    """The subject's key in a row; raises *Damaged*."""
    return sealing.unseal(cipher, row.wrapped, subject_place(row.tenant, row.subject, row.key_id))


def subject_place(tenant: str, subject: bytes, key_id: bytes) -> bytes:
    """What the wrapping of a subject's key is bound to."""
    return place("subject key", tenant, subject, key_id)


def _tenant_place(tenant: str, version: int) -> bytes:
    return place("tenant key", tenant, version)


def _damaged(tenant: str) -> BrokerError:
    _log.error("vault: something of tenant %(tenant)s does not open with its own key", {"tenant": tenant})
    return BrokerError("what is stored is not what was sealed")
