"""What governs a tenant's checks now, on this node: loaded when first needed, looked at again within a bounded time.

Every change of a tenant's policies, stops and shadows moves two numbers in the store: the tenant's and one for all. A
node reads the latter every ``refresh_ms``; where it moved, each tenant is loaded anew by its next check. A check that
finds the last look older than ``stale_ms`` looks itself before it decides, so that a stop holds on every node within
that time, or the check fails closed.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from broker.audit import leaf as log
from broker.clock import Clock
from broker.domain.check import Action, Principal
from broker.domain.governance import (
    ChangeKind,
    ChangeState,
    PolicyChange,
    PolicyVersion,
    Shadow,
    Stop,
    in_force,
    next_ms,
    reached_ms,
)
from broker.errors import BrokerError, Conflict, Misconfigured
from broker.policy.book import PolicyBook
from broker.policy.document import PolicyDocument
from broker.storage import policy_store
from broker.storage.policy_store import Entry, PolicyStore
from broker.storage.unit_of_work import Step
from broker.usecases.policy.examine_policy import Rulebook

SEEDER = "configuration"
"""Who seeds: the deployment's own files; nobody of the tenant."""

_TENANTS_MAX = 1000
_SEED_ATTEMPTS = 3
_log = logging.getLogger(__name__)


class PolicyClock(msgspec.Struct, frozen=True):
    """How current a node keeps itself, and how long a looser version waits after its approval."""

    refresh_ms: int = 250
    stale_ms: int = 800
    loosening_delay_s: int = 3600


class Seed(msgspec.Struct, frozen=True):
    """A document of the configuration, proven."""

    document: PolicyDocument
    text: str


class InForce(msgspec.Struct, frozen=True):
    """Everything that governs one tenant's checks until ``until_ms`` or the next change.

    ``revision`` is the tenant's, ``seen`` the one over all tenants at which this was loaded.
    """

    tenant: str
    revision: int
    seen: int
    book: PolicyBook
    changes: tuple[PolicyChange, ...]
    stops: tuple[Stop, ...]
    shadows: tuple[tuple[Shadow, PolicyDocument], ...]
    until_ms: int | None

    def stopping(self, principal: Principal, action: Action, policy_id: str) -> Stop | None:
        """The stop that halts this check; ``None`` where nothing does."""
        agent = principal.agent
        covering = (one for one in self.stops if one.covers(agent=agent, action_type=action.type, policy_id=policy_id))
        return next(covering, None)


class PoliciesInForce:
    """Knows what governs each tenant. Belongs to one event loop."""

    def __init__(
        self, store: PolicyStore, seeds: Sequence[Seed], rulebook: Rulebook, clock: Clock, pace: PolicyClock
    ) -> None:
        self.pace = pace
        self._store = store
        self._seeds = tuple(seeds)
        self._rulebook = rulebook
        self._clock = clock
        self._loaded: OrderedDict[str, InForce] = OrderedDict()
        self._seen = -1
        self._looked_s = float("-inf")
        self._look_lock = asyncio.Lock()
        self._load_lock = asyncio.Lock()
        self._documents: OrderedDict[bytes, PolicyDocument] = OrderedDict(
            (digest_of(one.text), one.document) for one in seeds
        )

    async def of(self, tenant: str) -> InForce:
        """What governs a tenant's checks now.

        Raises:
            Unrecorded, Overloaded: nobody can say, for the store does not answer; so nothing may be decided.
        """
        if self._clock.monotonic_s() - self._looked_s > self.pace.stale_ms / 1000:
            await self._look(forced=False)
        known = self._loaded.get(tenant)
        if known is None or not self._holds(known):
            async with self._load_lock:  # of many checks one loads, and the rest find it loaded
                known = self._loaded.get(tenant)
                if known is None or not self._holds(known):
                    known = await self._load(tenant)
                    self._loaded[tenant] = known
                    while len(self._loaded) > _TENANTS_MAX:
                        self._loaded.popitem(last=False)
        return known

    async def look_again(self) -> None:
        """Look now: after a change of our own, and from time to time."""
        await self._look(forced=True)

    async def keep_current(self) -> None:
        """Look every ``refresh_ms``, for ever."""
        while True:
            await asyncio.sleep(self.pace.refresh_ms / 1000)
            try:
                await self.look_again()
            except BrokerError as error:
                _log.warning("cannot see whether policies changed: %(code)s", {"code": error.code})

    def read(self, digest: bytes, text: str) -> PolicyDocument:
        """A stored document, compiled once. It was proven when it was published."""
        document = self._documents.get(digest)
        if document is None:
            document = self._documents[digest] = PolicyDocument.read(text, source="stored policy")
            while len(self._documents) > _TENANTS_MAX:
                self._documents.popitem(last=False)
        return document

    def _holds(self, known: InForce) -> bool:
        return known.seen == self._seen and (known.until_ms is None or self._now_ms() < known.until_ms)

    async def _look(self, *, forced: bool) -> None:
        async with self._look_lock:
            at_s = self._clock.monotonic_s()
            if not forced and at_s - self._looked_s <= self.pace.stale_ms / 1000:
                return  # somebody looked while we waited
            self._seen = await self._store.revision()
            self._looked_s = at_s

    async def _load(self, tenant: str) -> InForce:
        """Read a tenant's state, seeding first what it does not have yet.

        The revision is read before the rest, so what changes meanwhile is loaded again and never missed.
        """
        for _ in range(_SEED_ATTEMPTS):
            seen = self._seen
            revision = await self._store.revision(tenant)
            versions = await self._store.versions(tenant)
            state = await self._state(tenant, revision, seen, versions) if versions else None
            lacking = self._lacking(versions, state)
            table = digest_of(self._rulebook.table_text)
            if state is not None and not lacking and await self._store.texts(tenant, [table]):
                return state
            try:
                await self._seed(tenant, revision, lacking)
            except Conflict:  # another node was quicker
                continue
        raise Conflict("policies are being changed at the moment; try again", retry_after_s=1)

    def _lacking(self, versions: Sequence[PolicyVersion], state: InForce | None) -> list[Seed]:
        """The seeds that a tenant does not have, less those whose actions a document of its own governs."""
        have = {one.policy_id for one in versions}
        governed = {kind for one in state.book.documents.values() for kind in one.actions} if state else set()
        return [one for one in self._seeds if one.document.id not in have and governed.isdisjoint(one.document.actions)]

    async def _state(self, tenant: str, revision: int, seen: int, versions: Sequence[PolicyVersion]) -> InForce:
        changes = await self._store.changes(tenant)
        now_ms = reached_ms(changes, self._now_ms())
        digests = {(one.policy_id, one.version): one.digest for one in versions}
        live = [one for one in await self._store.shadows(tenant) if one.ended_ms is None]
        valid = [digests[one.policy_id, one.version] for one in in_force(changes, now_ms).values()]
        documents = await self._compiled(tenant, [*valid, *(one.digest for one in live)])
        return InForce(
            tenant=tenant,
            revision=revision,
            seen=seen,
            book=PolicyBook(documents[digest] for digest in valid),
            changes=tuple(changes),
            stops=tuple(one for one in await self._store.stops(tenant) if one.resumed_ms is None),
            shadows=tuple((one, documents[one.digest]) for one in live),
            until_ms=next_ms(changes, now_ms),
        )

    async def _compiled(self, tenant: str, digests: Sequence[bytes]) -> dict[bytes, PolicyDocument]:
        unknown = [one for one in digests if one not in self._documents]
        texts = await self._store.texts(tenant, unknown)
        if lost := set(unknown) - texts.keys():
            raise Misconfigured(f"{len(lost)} policy texts in force for {tenant} are not in the database")
        for digest, text in texts.items():
            self.read(digest, text)
        found = {digest: self._documents[digest] for digest in digests}
        for document in found.values():
            self._rulebook.ruled(document)  # now, and not while somebody waits for an answer
        return found

    async def _seed(self, tenant: str, revision: int, seeds: Sequence[Seed]) -> None:
        now_ms = self._now_ms()
        table = self._rulebook.table_text
        weights = digest_of(table)
        steps: list[Step] = [policy_store.add_text(tenant, weights, table, now_ms)]
        name = f"pev_table_{weights.hex()[:26]}_{revision}"
        entries: list[Entry] = [entry(name, tenant, "table.use", "evidence", weights, SEEDER, self._clock)]
        for seed in seeds:
            document = seed.document
            digest = digest_of(seed.text)
            change_id = f"pch_seed_{document.id}"
            version = PolicyVersion(tenant, document.id, document.version, digest, SEEDER, now_ms)
            change = PolicyChange(
                tenant=tenant,
                change_id=change_id,
                policy_id=document.id,
                version=document.version,
                base_version=None,
                kind=ChangeKind.SEED,
                direction="neutral",
                state=ChangeState.APPROVED,
                requested_by=SEEDER,
                requested_ms=now_ms,
                decided_by=SEEDER,
                decided_ms=now_ms,
                effective_ms=now_ms,
                place=revision,
            )
            steps += [
                policy_store.add_text(tenant, digest, seed.text, now_ms),
                policy_store.add_version(version),
                policy_store.add_change(change),
            ]
            entries.append(
                entry(
                    change_id, tenant, "policy.seed", f"{document.id}@{document.version}", digest, SEEDER, self._clock
                )
            )
        await self._store.amend(tenant, revision, steps, entries)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def digest_of(text: str) -> bytes:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8")).digest()


def entry(event_id: str, tenant: str, event: str, about: str, digest: bytes | None, by: str, clock: Clock) -> Entry:
    """The log leaf of a change."""
    body = log.encode_event(
        log.EventBody(
            event_id=event_id,
            tenant=tenant,
            event=event,
            about=about,
            digest=log.b64url(digest) if digest else None,
            by=by,
            at=clock.now(),
        )
    )
    return Entry(event_id, body, log.leaf_hash(body))
