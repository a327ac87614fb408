"""Looks a deployment over without starting it: nothing is made, migrated or asked about anybody."""

import asyncio
import hmac
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from random import SystemRandom
from urllib.parse import urlsplit

from broker.adapter_kit.assembly import Surroundings
from broker.adapter_kit.deployment import OperatorSettings, load_operators
from broker.adapter_kit.knock import Knock, knock
from broker.adapter_kit.magic import magic_numbers
from broker.bootstrap.files import consent_gate, policy_seeds, text_of
from broker.clock import Clock
from broker.domain.governance import in_force
from broker.errors import BrokerError
from broker.operators.contracts import Contracts
from broker.policy.evidence_table import EvidenceTable
from broker.privacy.pseudonyms import ROOT_KEY_BYTES, Pseudonyms
from broker.settings import Settings
from broker.storage.backends import connect
from broker.storage.migrate import HEAD_REVISION, recorded_revision
from broker.storage.records import StorageLimits
from broker.storage.store import Store, open_store
from broker.storage.urls import SqliteFile, locate
from broker.usecases.findings import Finding, State
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.policies_in_force import Seed, digest_of

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_SKEW_MAX_S = 5.0
_FREE_WRONG, _FREE_DOUBTFUL = 200 * 2**20, 2 * 2**30
_OTHERS = 0o077
_SECRET = frozenset({".key", ".keys", ".pem", ".secret"})

Told = Callable[[str], None]
"""Hears what is being looked at, for whoever waits."""


class Doctor:
    """Examines one configuration folder and what it names."""

    def __init__(self, folder: Path, settings: Settings, clock: Clock) -> None:
        self._folder = folder
        self._settings = settings
        self._clock = clock

    async def examine(self, told: Told) -> tuple[Finding, ...]:
        """Everything that was looked at, in the order of a start."""
        findings: list[Finding] = [Finding("settings", State.WELL, f"{self._folder} can be read")]
        for name, look in (("files", self._files), ("keys", self._keys), ("disk", self._disk)):
            told(name)
            findings += look()
        for name, ask in (("database", self._database), ("operators", self._operators)):
            told(name)
            findings += await ask()
        return tuple(findings)

    def _files(self) -> Iterator[Finding]:
        url = urlsplit(self._settings.server.public_url)
        if url.scheme != "https" and url.hostname not in _LOCAL:
            yield Finding(
                "server.public_url",
                State.DOUBTFUL,
                f"{url.geturl()} is not https, and others than this machine are meant to use it",
                "put TLS in front and give the https address: receipts, tokens and decision points are named by it",
            )
        try:
            self._seeds()
            consent_gate(self._folder / "purposes.toml")
            yield Finding("policies", State.WELL, "every document and every purpose can be read")
        except BrokerError as error:
            yield _wrong("policies", error)

    def _keys(self) -> Iterator[Finding]:
        folder = self._settings.keys.directory
        if not folder.exists():
            yield Finding("keys", State.WELL, f"{folder} is not there yet: keys are made at the first start")
            return
        secret = [path for path in sorted(folder.iterdir()) if path.suffix in _SECRET]
        open_to_others = [path.name for path in (folder, *secret) if _mode(path) & _OTHERS]
        if open_to_others:
            yield Finding(
                "keys",
                State.WRONG,
                f"others can read {', '.join(open_to_others)} in {folder}",
                f"run chmod 700 {folder} and chmod 600 on the files; if others had the time, rotate what is in them",
            )
        else:
            yield Finding("keys", State.WELL, f"{folder} is its owner's alone")

    def _disk(self) -> Iterator[Finding]:
        path = self._database_file()
        place = _existing((path or self._settings.keys.directory).absolute().parent)
        free = shutil.disk_usage(place).free
        seen = f"{free // 2**20} MiB are free at {place}"
        if free < _FREE_DOUBTFUL:
            state = State.WRONG if free < _FREE_WRONG else State.DOUBTFUL
            yield Finding("disk", state, seen, "make room: where nothing can be written, nothing is decided")
        else:
            yield Finding("disk", State.WELL, seen)

    async def _database(self) -> list[Finding]:
        path = self._database_file()
        if path is not None and not path.exists():
            return [Finding("database", State.WELL, f"{path} is not there yet: it is made at the first start")]
        try:
            revision = await self._revision()
        except (BrokerError, OSError) as error:
            return [_wrong("database", error)]
        if revision != HEAD_REVISION:
            return [
                Finding(
                    "database",
                    State.DOUBTFUL,
                    f"its schema is at revision {revision or 'none'}, and this broker's is {HEAD_REVISION}",
                    "keep a backup; the next start brings an older schema up to date, and refuses a newer one",
                )
            ]
        found = [Finding("database", State.WELL, f"it answers, at revision {revision}")]
        store = await open_store(self._settings.storage.url)
        try:
            found += [await self._root_key(store), await self._log(store), *await self._in_force(store)]
            return [*found, *await self._contracts(store)]
        finally:
            await store.aclose()

    async def _log(self, store: Store) -> Finding:
        """Of a broker that runs; one that stood still signs what waits when it starts."""
        late_ms = self._settings.audit.checkpoint_late_ms
        newest = await store.log.newest_signed()
        waiting = await store.log.to_sign(newest.size if newest else 0, 1)
        now_ms = int(self._clock.now().timestamp() * 1000)
        if waiting and now_ms - waiting[0].at_ms > late_ms:
            seen = f"a checkpoint has waited {(now_ms - waiting[0].at_ms) // 1000} s for its signature"
            do = "if the broker runs, read its log for what does not add up; if not, it signs when it starts"
            return Finding("transparency log", State.DOUBTFUL, seen, do)
        return Finding("transparency log", State.WELL, f"{newest.size if newest else 0} entries are signed")

    async def _revision(self) -> str | None:
        backend = connect(self._settings.storage.url, StorageLimits())
        try:
            return await recorded_revision(backend)
        finally:
            await backend.aclose()

    async def _root_key(self, store: Store) -> Finding:
        path = self._settings.keys.directory / "root.key"
        kept = await store.root_key_fingerprint()
        if kept is None:
            return Finding("root key", State.WELL, "the database has not been used with any yet")
        if not path.exists():
            return Finding(
                "root key",
                State.WRONG,
                f"{path} is gone, and the database holds pseudonyms made with it",
                "put the file back from its backup: with another one every person would be a stranger",
            )
        root = path.read_bytes()
        ours = Pseudonyms(root).fingerprint_of_root() if len(root) == ROOT_KEY_BYTES else b""
        if not hmac.compare_digest(ours, kept):
            return Finding(
                "root key",
                State.WRONG,
                f"{path} is not the one that the database was first used with",
                "put the right file back from its backup, or point storage.url at the database that belongs to it",
            )
        return Finding("root key", State.WELL, f"fingerprint {kept.hex()[:16]}, as in the database")

    async def _in_force(self, store: Store) -> list[Finding]:
        """Where a tenant is governed by something else than the files say: files are read once, for a new tenant."""
        try:
            seeds = self._seeds()
        except BrokerError:
            return []  # said before
        found = []
        now_ms = int(self._clock.now().timestamp() * 1000)
        for tenant in await store.policies.tenants():
            digests = {(one.policy_id, one.version): one.digest for one in await store.policies.versions(tenant)}
            valid = in_force(await store.policies.changes(tenant), now_ms).values()
            governing = {one.policy_id: digests[one.policy_id, one.version] for one in valid}
            other = [seed.document.id for seed in seeds if governing.get(seed.document.id) != digest_of(seed.text)]
            if other:
                found.append(
                    Finding(
                        f"policies of {tenant}",
                        State.DOUBTFUL,
                        f"in force is something else than the files have: {', '.join(sorted(other))}",
                        "nothing where it was published on purpose; else: trust-broker policy publish FILE",
                    )
                )
        return found or [Finding("policies in force", State.WELL, "every tenant is governed by what the files have")]

    async def _contracts(self, store: Store) -> list[Finding]:
        """Contracts of tenants that are not there: nobody is asked under them."""
        try:
            contracts = Contracts(load_operators(self._folder / "operators"))
        except BrokerError:
            return []  # said where the operators are looked at
        return [
            Finding(
                f"contract {name}",
                State.DOUBTFUL,
                f"its file names the tenant {tenant}, and there is none of that name",
                f"trust-broker tenants create, or put the right name into config/operators/{name}.toml, key tenants",
            )
            for name, tenant in contracts.contracts()
            if not await store.consumers.lineage(tenant)
        ]

    async def _operators(self) -> list[Finding]:
        try:
            operators = load_operators(self._folder / "operators")
            Contracts(operators)
        except BrokerError as error:
            return [_wrong("operators", error)]
        surroundings = Surroundings(self._clock, SystemRandom(), self._settings.http.client)
        live = {name: one for name, one in operators.items() if not one.sandbox}
        found = await asyncio.gather(*(_operator(*one, surroundings) for one in live.items()))
        played = await asyncio.gather(
            *(self._sandbox(*one, surroundings) for one in operators.items() if one[0] not in live)
        )
        return [finding for findings in (*found, *played) for finding in findings]

    async def _sandbox(self, name: str, settings: OperatorSettings, surroundings: Surroundings) -> list[Finding]:
        """Whether somebody plays the operator of the sandbox. Where nobody does, no real question fails."""
        try:
            numbers = len(magic_numbers(settings.adapter))
        except BrokerError as error:
            return [_wrong(f"sandbox {name}", error)]
        found = await _operator(name, settings, surroundings)
        if found[0].state is State.WELL:
            seen = f"it knows {numbers} magic numbers (trust-broker sandbox numbers); tenants called sandbox ask there"
            return [Finding(f"sandbox {name}", State.WELL, seen), *found[1:]]
        told = f"nobody plays it at {settings.base_url}; only tenants called sandbox would miss it"
        port = urlsplit(settings.base_url).port or 9104
        keys = f"{self._settings.server.public_url}/.well-known/client-jwks.json"
        start = f"trust-broker mock-operator --port {port} --profile alba --client-jwks {keys}"
        return [Finding(f"sandbox {name}", State.WELL, told, f"where a sandbox is wanted: {start}")]

    def _rulebook(self) -> Rulebook:
        path = self._folder / self._settings.evidence.table
        text = text_of(path)
        purposes = consent_gate(self._folder / "purposes.toml").known()
        return Rulebook(EvidenceTable.read(text, source=str(path)), text, frozenset(purposes))

    def _seeds(self) -> tuple[Seed, ...]:
        return policy_seeds(self._folder / "policies", self._rulebook())

    def _database_file(self) -> Path | None:
        place = locate(self._settings.storage.url)
        return place.path if isinstance(place, SqliteFile) else None


async def _operator(name: str, settings: OperatorSettings, surroundings: Surroundings) -> list[Finding]:
    about = f"operator {name}"
    key = settings.client_key.file if settings.client_key else None
    if key is not None and not key.exists():
        do = "start the broker once, then have the operator told /.well-known/client-jwks.json"
        return [
            Finding(about, State.DOUBTFUL, f"our key for it, {key}, is not there yet: the first start makes it", do)
        ]
    try:
        seen = await knock(name, settings, surroundings)
    except BrokerError as error:
        return [_wrong(about, error)]
    if seen.fault is not None:
        return [
            Finding(
                about,
                State.WRONG,
                f"its token endpoint gives no usable answer ({seen.fault})",
                f"see that base_url or token_url is right: {settings.token_url or settings.base_url}",
            )
        ]
    if seen.refused:
        return [
            Finding(
                about,
                State.WRONG,
                f"it does not know us as {settings.client_id} ({seen.error})",
                "compare client_id, secret or key in its file with what was registered there; for a key, that it has"
                " been given /.well-known/client-jwks.json",
            )
        ]
    told = "it gives us a token" if seen.error is None else "it knows us (it gives tokens for a person alone)"
    return [Finding(about, State.WELL, told), *_clocks(about, seen)]


def _clocks(about: str, seen: Knock) -> Iterator[Finding]:
    if seen.skew_s is not None and abs(seen.skew_s) > _SKEW_MAX_S:
        yield Finding(
            about,
            State.DOUBTFUL,
            f"its clock and ours are {abs(seen.skew_s):.0f} seconds apart",
            "synchronise this machine's clock (NTP): assertions and receipts are good for minutes only",
        )


def _wrong(about: str, error: Exception) -> Finding:
    seen, _, fix = str(error).partition("; ")
    return Finding(about, State.WRONG, seen or type(error).__name__, fix or "see above")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
