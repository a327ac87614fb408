"""Erase a person: destroy the keys of what is known about them, on every node and in every backup."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber
from broker.domain.privacy import ChangeOf, Erasure, SubjectChange
from broker.privacy.journal import ErasureJournal
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.policy_store import Entry
from broker.storage.privacy_store import PrivacyStore
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.privacy.subject_watch import SubjectWatch

_PAGE = 100
_ROWS_MAX = 1000
_JOURNAL = "the journal of erasures"


class ErasureOut(msgspec.Struct, frozen=True, rename="camel"):
    """A person was erased.

    Nothing that was sealed for them until ``erased_at`` opens again, here or from a backup. Other nodes drop what they
    hold in memory within seconds. ``cleared`` says that the sealed remains are out of the tables as well.
    """

    id: str
    erased_at: datetime
    erased_by: str
    cleared: bool


class ErasuresOut(msgspec.Struct, frozen=True):
    """A tenant's erasures, latest first; nothing in here names a person."""

    erasures: tuple[ErasureOut, ...]


class EraseTools(msgspec.Struct, frozen=True):
    """What erasing works with, built once by ``bootstrap``."""

    store: PrivacyStore
    pseudonyms: Pseudonyms
    journal: ErasureJournal
    watch: SubjectWatch
    clock: Clock
    new_id: Callable[[str], str]


class EraseSubject:
    """Who had what erased stays on record; what it was does not."""

    def __init__(self, tools: EraseTools) -> None:
        self._tools = tools

    async def __call__(self, principal: Principal, phone: PhoneNumber) -> ErasureOut:
        """Erase whoever has this number at the caller's tenant; also where nothing is known about them.

        Raises:
            NotPermitted: the caller lacks the scope, or acts through an agent.
            Unrecorded, Overloaded: journal or store cannot be used; ask again, which does no harm.
        """
        authorize.require_person(principal, authorize.PRIVACY_WRITE)
        tools = self._tools
        subject = tools.pseudonyms.subject(principal.tenant, phone)
        erased_ms = int(tools.clock.now().timestamp() * 1000)
        erasure = Erasure(principal.tenant, tools.new_id("ers"), subject, erased_ms, principal.consumer)
        # First of all: once a key is destroyed, no crash may leave a backup that nobody knows to clear.
        await asyncio.to_thread(tools.journal.note, erasure)
        await self._destroy(erasure, again=False)
        return _shown(await self._clear(erasure))

    async def overview(self, principal: Principal) -> ErasuresOut:
        """The tenant's erasures, latest first."""
        authorize.require(principal, authorize.PRIVACY_READ)
        found = await self._tools.store.erasures(principal.tenant, _ROWS_MAX)
        return ErasuresOut(tuple(map(_shown, found)))

    async def repeat(self) -> int:
        """Erase again what the journal knows and this database does not, as after a restore; how many there were."""
        repeated = 0
        for erasure in await asyncio.to_thread(lambda: list(self._tools.journal.entries())):
            if await self._tools.store.erasure(erasure.tenant, erasure.erasure_id) is None:
                repeated += await self._destroy(erasure, again=True)
                await self._clear(erasure)
        return repeated

    async def finish(self) -> int:
        """Clear what an interruption left after an erasure; how many were unfinished."""
        left = await self._tools.store.uncleared(_ROWS_MAX)
        for erasure in left:
            await self._clear(erasure)
        return len(left)

    async def _destroy(self, erasure: Erasure, *, again: bool) -> bool:
        done = await self._tools.store.erase(erasure, self._change(erasure), self._leaf(erasure), again=again)
        self._tools.watch.tell(erasure.tenant, erasure.subject)
        return done

    async def _clear(self, erasure: Erasure) -> Erasure:
        while await self._tools.store.clear_page(erasure, _PAGE) == _PAGE:
            pass
        cleared_ms = int(self._tools.clock.now().timestamp() * 1000)
        await self._tools.store.cleared(erasure, cleared_ms)
        return msgspec.structs.replace(erasure, cleared_ms=cleared_ms)

    def _change(self, erasure: Erasure) -> SubjectChange:
        # By the clock of now and not that of an erasure told again: nodes look for what is new.
        now_ms = int(self._tools.clock.now().timestamp() * 1000)
        change_id = self._tools.new_id("chg")
        return SubjectChange(erasure.tenant, change_id, erasure.subject, ChangeOf.ERASED, erasure.erasure_id, now_ms)

    def _leaf(self, erasure: Erasure) -> Entry:
        by = erasure.erased_by
        return entry(erasure.erasure_id, erasure.tenant, "subject.erase", "a subject", None, by, self._tools.clock)


def _shown(erasure: Erasure) -> ErasureOut:
    at = datetime.fromtimestamp(erasure.erased_ms / 1000, UTC)
    return ErasureOut(erasure.erasure_id, at, erasure.erased_by, erasure.cleared_ms is not None)
