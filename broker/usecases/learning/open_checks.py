"""Stored checks as those who learn from them need them: taken out of the vault, the erased ones told apart."""

from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

import msgspec

from broker.errors import Erased
from broker.privacy.vault import Vault
from broker.storage.policy_store import RecordedCheck
from broker.storage.records import JourneyStep, PastCheck, StoredCheck

_CLEAR = b"{"
"""How a payload begins that was stored before there was a vault."""


def record_use(check_id: str) -> str:
    """What the record of a check is sealed for."""
    return f"record:{check_id}"


def evidence_use(check_id: str) -> str:
    """What the evidence of a check is sealed for."""
    return f"evidence:{check_id}"


def answer_use(check_id: str) -> str:
    """What the answer to a check is sealed for, which a repetition of the request gets."""
    return f"answer:{check_id}"


async def open_answer(vault: Vault, tenant: str, subject: bytes, check_id: str, response: bytes) -> bytes:
    """The answer that an earlier request of the same idempotency key got.

    Raises:
        Erased: the person was erased since.
    """
    if response.startswith(_CLEAR):
        return response
    return await vault.open(tenant, subject, answer_use(check_id), response)


class SealedChecks(Protocol):
    """Where checks are kept, sealed."""

    async def find_check(self, tenant: str, check_id: str) -> StoredCheck | None:
        """The check, or ``None``."""
        ...

    def history(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[PastCheck]:
        """A tenant's settled checks in order of time."""
        ...


class SealedConversations(Protocol):
    """Where checks are kept by the conversation that they belong to, sealed."""

    async def journey(self, tenant: str, conversation: str, since_ms: int, limit: int) -> list[JourneyStep]:
        """The newest checks of a conversation."""
        ...


class SealedRecords(Protocol):
    """Where checks are kept in the order of their ids, sealed."""

    async def recorded(
        self, tenant: str, *, after: str, from_ms: int, until_ms: int, limit: int
    ) -> list[RecordedCheck]:
        """Settled checks of a period with an id above ``after``."""
        ...


_Kept = TypeVar("_Kept", StoredCheck, PastCheck, RecordedCheck, JourneyStep)


class OpenChecks:
    """The same as the stores behind it, with records and evidence in the clear.

    Where many are read, an erased check comes with both empty, to be counted. Evidence alone is empty where its
    retention is over and that of the record is not.
    """

    def __init__(self, checks: SealedChecks, records: SealedRecords, vault: Vault) -> None:
        self._checks = checks
        self._records = records
        self._vault = vault

    async def find_check(self, tenant: str, check_id: str) -> StoredCheck | None:
        """The check, or ``None``.

        Raises:
            Erased: it was there.
        """
        stored = await self._checks.find_check(tenant, check_id)
        if stored is None or stored.subject is None:
            return stored
        return await self._opened(tenant, stored)

    async def history(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[PastCheck]:
        """A tenant's settled checks in order of time."""
        async for past in self._checks.history(tenant, since_ms, until_ms):
            yield await self.or_empty(tenant, past)

    async def recorded(
        self, tenant: str, *, after: str, from_ms: int, until_ms: int, limit: int
    ) -> list[RecordedCheck]:
        """Settled checks of a period with an id above ``after``."""
        page = await self._records.recorded(tenant, after=after, from_ms=from_ms, until_ms=until_ms, limit=limit)
        return [await self.or_empty(tenant, one) for one in page]

    async def or_empty(self, tenant: str, kept: _Kept) -> _Kept:
        """What is kept, opened; empty where the person was erased."""
        try:
            return await self._opened(tenant, kept)
        except Erased:
            return msgspec.structs.replace(kept, record=b"", evidence=b"")

    async def _opened(self, tenant: str, kept: _Kept) -> _Kept:
        if kept.record.startswith(_CLEAR):
            return kept
        if kept.subject is None or not kept.record:
            raise Erased
        record = await self._vault.open(tenant, kept.subject, record_use(kept.check_id), kept.record)
        evidence = b""
        if kept.evidence:
            evidence = await self._vault.open(tenant, kept.subject, evidence_use(kept.check_id), kept.evidence)
        return msgspec.structs.replace(kept, record=record, evidence=evidence)


class OpenConversations:
    """Checks of a conversation with records and evidence in the clear; of an erased person's both are empty."""

    def __init__(self, conversations: SealedConversations, opened: OpenChecks) -> None:
        self._conversations = conversations
        self._opened = opened

    async def journey(self, tenant: str, conversation: str, since_ms: int, limit: int) -> list[JourneyStep]:
        """The newest checks of a conversation."""
        steps = await self._conversations.journey(tenant, conversation, since_ms, limit)
        return [await self._opened.or_empty(tenant, one) for one in steps]
