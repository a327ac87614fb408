"""A deployment at rest: everything that is done to it beside answering checks, each thing over a store of its own."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from broker.adapter_kit.deployment import load_operators
from broker.bootstrap import privacy
from broker.bootstrap.consuming import administration, served_tls
from broker.bootstrap.doctor import Doctor
from broker.bootstrap.files import consent_gate, text_of
from broker.bootstrap.recording import Recording, log_key_files, ring_file
from broker.clock import Clock
from broker.domain.ids import new_id
from broker.operators.contracts import Contracts
from broker.policy.evidence_table import EvidenceTable
from broker.settings import Settings
from broker.storage.migrate import upgrade
from broker.storage.records import StorageLimits
from broker.storage.store import Store, open_store
from broker.surfaces.ports import Administration
from broker.usecases.audit.publish_log import PublishLog
from broker.usecases.audit.rotate_log import RotateLog
from broker.usecases.audit.rotate_signing import RotateSigning
from broker.usecases.consumers.manage_keys import ManageKeys
from broker.usecases.findings import Finding
from broker.usecases.learning.learn import Learn
from broker.usecases.learning.open_checks import OpenChecks
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.privacy.keep_retention import KeepRetention
from broker.usecases.privacy.open_keys import open_pseudonyms
from broker.usecases.privacy.rotate_keys import RotateKeys


class Administered:
    """One configuration folder, and the work on it that needs no running broker."""

    def __init__(self, folder: Path, settings: Settings, clock: Clock) -> None:
        self.folder = folder
        self.evidence_table = folder / settings.evidence.table
        self.host = settings.server.host
        self.port = settings.server.port
        self.request_read_s = settings.server.request_read_s
        self.tls = served_tls(settings.tls)
        self.log_style = settings.server.log
        self._keys = settings.keys.directory
        self._settings = settings
        self._clock = clock

    async def examine(self, told: Callable[[str], None]) -> tuple[Finding, ...]:
        """What is wrong with this set-up; nothing is made, migrated or asked about anybody."""
        return await Doctor(self.folder, self._settings, self._clock).examine(told)

    def rulebook(self) -> Rulebook:
        """What policy documents are judged by here; no database is opened."""
        text = text_of(self.evidence_table)
        table = EvidenceTable.read(text, source=str(self.evidence_table))
        return Rulebook(table, text, frozenset(consent_gate(self.folder / "purposes.toml").known()))

    @contextlib.asynccontextmanager
    async def retention(self) -> AsyncIterator[KeepRetention]:
        """What is kept for how long, and how far that is enforced."""
        async with self._store() as store:
            yield privacy.retention(self._settings.retention, store, self._clock)

    @contextlib.asynccontextmanager
    async def key_ring(self) -> AsyncIterator[ManageKeys]:
        """The administration of keys."""
        async with self._store() as store:
            pseudonyms = await open_pseudonyms(self._keys / "root.key", store)
            yield ManageKeys(store, self._clock, secrets.token_bytes, pseudonyms.sealing_key())

    @contextlib.asynccontextmanager
    async def consumers(self) -> AsyncIterator[Administration]:
        """The administration of who calls."""
        async with self._store() as store:
            pseudonyms = await open_pseudonyms(self._keys / "root.key", store)
            private = self._settings.oauth.jwks_addresses == "any"
            yield administration(store, self._clock, pseudonyms.sealing_key(), self._names_of, private=private)

    @contextlib.asynccontextmanager
    async def key_rotation(self) -> AsyncIterator[RotateKeys]:
        """The rotation of the vault's root and tenant keys."""
        async with self._store() as store:
            yield await privacy.key_rotation(self._settings.keys, store, self._clock)

    def signing_keys(self) -> RotateSigning:
        """The life of the keys that sign receipts."""
        return RotateSigning(ring_file(self._keys, self._clock), self._clock)

    @contextlib.asynccontextmanager
    async def log_rotation(self) -> AsyncIterator[RotateLog]:
        """The life of the key that signs the log."""
        async with self._store() as store:
            yield RotateLog(log_key_files(self._settings), store.log, self._clock, self._new_id)

    @contextlib.asynccontextmanager
    async def log(self) -> AsyncIterator[PublishLog]:
        """The transparency log, as it stands."""
        async with self._store() as store:
            yield Recording(self._settings, store, self._clock, self._new_id).publish()

    @contextlib.asynccontextmanager
    async def learner(self) -> AsyncIterator[Learn]:
        """What past checks teach."""
        async with self._store() as store:
            vault = await privacy.open_vault(self._settings.keys, store, self._clock)
            yield Learn(OpenChecks(store, store.policies, vault), self.rulebook().table, self._clock)

    @contextlib.asynccontextmanager
    async def _store(self) -> AsyncIterator[Store]:
        url = self._settings.storage.url
        await asyncio.to_thread(upgrade, url)
        store = await open_store(url, StorageLimits(**self._settings.storage.model_dump(exclude={"url"})))
        try:
            yield store
        finally:
            await store.aclose()

    def _names_of(self, tenant: str) -> frozenset[str]:
        """What a list of operators of a tenant can name; the operators' files are read where somebody sends one."""
        return Contracts(load_operators(self.folder / "operators")).names_of(tenant)

    def _new_id(self, prefix: str) -> str:
        return new_id(prefix, self._clock.now(), os.urandom)
