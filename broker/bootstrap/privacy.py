"""What keeps personal data to itself, and forgets it."""

import contextlib
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import msgspec

from broker.adapter_kit.transport import TransportLimits, default_tls, open_transport
from broker.bootstrap.background import repeating, running
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.errors import Misconfigured
from broker.privacy.journal import ErasureJournal
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.root_keys import RootKeyFile, RootKeys
from broker.privacy.transit import TransitKey, TransitRootKeys
from broker.privacy.vault import Vault
from broker.settings.sections import ConsentSettings, KeySettings, RetentionSettings
from broker.storage.store import Store
from broker.usecases.consent.manage_consents import ConsentTools, ManageConsents
from broker.usecases.consent.restrict_subject import RestrictSubject, RestrictTools
from broker.usecases.learning.open_checks import OpenChecks
from broker.usecases.permit import Permit, PermitLimits
from broker.usecases.privacy.erase_subject import EraseSubject, EraseTools
from broker.usecases.privacy.keep_retention import KeepRetention, RetentionLimits
from broker.usecases.privacy.open_keys import open_root_keys
from broker.usecases.privacy.rotate_keys import RotateKeys
from broker.usecases.privacy.subject_watch import Forget, SubjectWatch

_RETENTION_S = 3600.0
_LOCAL = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]+)?(/|$)")
_log = logging.getLogger(__name__)


class Privacy(msgspec.Struct, frozen=True):
    """The room, built: ``opened`` is the store's checks out of the vault."""

    vault: Vault
    opened: OpenChecks
    watch: SubjectWatch
    permit: Permit
    consents: ManageConsents
    restrict: RestrictSubject
    erase: EraseSubject
    retention: KeepRetention


class PrivacyNeeds(msgspec.Struct, frozen=True):
    """What the room is built from. ``forget`` drop what the node holds of a subject in memory, beside the vault."""

    keys: KeySettings
    retention: RetentionSettings
    consent: ConsentSettings
    gate: ConsentGate
    store: Store
    clock: Clock
    new_id: Callable[[str], str]
    pseudonyms: Pseudonyms
    forget: Sequence[Forget]


@contextlib.asynccontextmanager
async def keeping_private(needs: PrivacyNeeds) -> AsyncIterator[Privacy]:
    """The room at work: what was erased before a backup was restored is erased first of all."""
    vault = await open_vault(needs.keys, needs.store, needs.clock)
    journal = ErasureJournal(needs.keys.directory / "erasures.jsonl")
    watch = SubjectWatch(needs.store.privacy, needs.clock, journal)
    limits = PermitLimits(ledger=needs.consent.ledger == "required", entries_max=needs.consent.entries_max)
    permit = Permit(needs.gate, needs.store.consents, watch, needs.clock, limits)
    watch.forgetting(vault.forget, permit.forget, *needs.forget)
    tools = EraseTools(needs.store.privacy, needs.pseudonyms, journal, watch, needs.clock, needs.new_id)
    room = Privacy(
        vault=vault,
        opened=OpenChecks(needs.store, needs.store.policies, vault),
        watch=watch,
        permit=permit,
        consents=ManageConsents(
            ConsentTools(needs.store.consents, needs.gate, needs.pseudonyms, watch, needs.clock, needs.new_id)
        ),
        restrict=RestrictSubject(
            RestrictTools(needs.store.consents, needs.pseudonyms, watch, needs.clock, needs.new_id)
        ),
        erase=EraseSubject(tools),
        retention=retention(needs.retention, needs.store, needs.clock),
    )
    if repeated := await room.erase.repeat():
        _log.warning(
            "%(count)d erasures were not in this database, as after a restore: done again", {"count": repeated}
        )
    async with running(watch.keep_current()), _enforcing(room):
        yield room


async def open_vault(settings: KeySettings, store: Store, clock: Clock) -> Vault:
    """The vault over the store's wrapped keys."""
    roots = await _roots(settings, store)
    return Vault(store.vault, roots, clock, secrets.token_bytes, entries_max=settings.vault_entries_max)


async def key_rotation(settings: KeySettings, store: Store, clock: Clock) -> RotateKeys:
    """The rotation of root and tenant keys."""
    return RotateKeys(store.vault, await _roots(settings, store), clock, secrets.token_bytes)


def retention(settings: RetentionSettings, store: Store, clock: Clock) -> KeepRetention:
    """What is kept for how long."""
    days = (settings.evidence_days, settings.records_days, settings.proofs_days, settings.requests_days)
    limits = RetentionLimits(*(timedelta(days=each) for each in days))
    return KeepRetention(store.privacy, limits, clock)


def _enforcing(room: Privacy) -> AbstractAsyncContextManager[None]:
    """Take away what is over, every hour, and what an interrupted erasure left."""

    async def once() -> None:
        await room.erase.finish()
        await room.consents.expire()
        if expired := await room.retention():
            _log.info("took away what %(count)d checks held beyond its time", {"count": expired})

    return repeating("retention", once, _RETENTION_S)


async def _roots(settings: KeySettings, store: Store) -> RootKeys:
    """The root keys where the settings say that they are."""
    file = RootKeyFile(settings.directory / "vault.keys", secrets.token_bytes)
    given = None if settings.vault == "environment" else file
    service = _transit(settings) if settings.vault == "transit" else None
    return await open_root_keys(given, store.vault, secrets.token_bytes, service)


def _transit(settings: KeySettings) -> Callable[[RootKeys | None], RootKeys]:
    """A key management service that speaks Vault's transit wire, over TLS unless it is on this machine."""
    url = settings.transit_url
    if not url.startswith("https://") and not _LOCAL.match(url):
        raise Misconfigured(f"keys.transit_url: {url!r} is no https:// address; root keys are asked for over TLS")
    token = settings.transit_token or settings.directory / "transit.token"
    key = TransitKey(url, settings.transit_mount, settings.transit_key, token)
    tls = default_tls(settings.transit_ca)
    return lambda before: TransitRootKeys(key, lambda: open_transport("aiohttp", TransportLimits(), tls=tls), before)
