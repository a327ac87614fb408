"""Challenges, durably. Of several changes of one version, on any node, exactly one succeeds."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.tables import challenges, open_prompts
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter

_CHANGING = (
    *("state", "version", "due_ms", "expires_ms", "attempts_left", "sealed", "link", "ticket", "browser"),
    *("closed_ms", "code"),
)
_INSERT = insert(challenges).on_conflict_do_nothing()
_slot = insert(open_prompts)
# The guard of every prompt: touches no row where the person has one before them whose time is not over.
_TAKE_SLOT = _slot.on_conflict_do_update(
    index_elements=list(open_prompts.primary_key),
    set_={"challenge_id": _slot.excluded.challenge_id, "until_ms": _slot.excluded.until_ms},
    where=open_prompts.c.until_ms <= bindparam("now_ms"),
)
_FREE_SLOT = delete(open_prompts).where(
    open_prompts.c.tenant == bindparam("of_tenant"),
    open_prompts.c.subject == bindparam("of_subject"),
    open_prompts.c.challenge_id == bindparam("of_challenge"),
)
_MOVE = (
    update(challenges)
    .values({name: bindparam(f"to_{name}") for name in _CHANGING})
    .where(
        challenges.c.tenant == bindparam("of_tenant"),
        challenges.c.challenge_id == bindparam("of_challenge"),
        challenges.c.version == bindparam("seen"),
    )
)
_SELECT = select(challenges).where(
    challenges.c.tenant == bindparam("tenant"), challenges.c.challenge_id == bindparam("challenge_id")
)
SELECT_BY_LINK = select(challenges).where(challenges.c.link == bindparam("link"))
SELECT_BY_TICKET = select(challenges).where(challenges.c.ticket == bindparam("ticket"))
_SELECT_OF_CHECK = (
    select(challenges)
    .where(challenges.c.tenant == bindparam("tenant"), challenges.c.check_id == bindparam("check_id"))
    .order_by(challenges.c.opened_ms)
    .limit(bindparam("rows"))
)
SELECT_DUE = (
    select(challenges)
    .where(challenges.c.due_ms <= bindparam("now_ms"))
    .order_by(challenges.c.due_ms)
    .limit(bindparam("rows"))
)
_LATELY = (
    select(challenges.c.challenge_id)
    .where(
        challenges.c.tenant == bindparam("tenant"),
        challenges.c.subject == bindparam("subject"),
        challenges.c.opened_ms >= bindparam("since_ms"),
    )
    .limit(bindparam("rows"))
    .subquery()
)
_PROMPTS_LATELY = (
    select(challenges.c.code)
    .where(
        challenges.c.tenant == bindparam("tenant"),
        challenges.c.subject == bindparam("subject"),
        challenges.c.opened_ms >= bindparam("since_ms"),
        challenges.c.method == "operator_prompt",
    )
    .order_by(challenges.c.opened_ms.desc())
    .limit(bindparam("rows"))
)
_COUNT_LATELY = select(func.count()).select_from(_LATELY)


class ChallengeStore:
    """Reads and changes challenges."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def open(self, challenge: Challenge, entry: Entry, also: Sequence[Step] = ()) -> None:
        """Keep a new one, with its leaf of the log."""
        await self._writer.submit(Amend((Step(_INSERT, _plain(challenge)), _leaf(challenge.tenant, entry), *also)))

    async def open_prompt(self, challenge: Challenge, until_ms: int, entry: Entry, also: Sequence[Step] = ()) -> bool:
        """The same for one that will ring the person's phone; False where another may ring until then."""
        slot: dict[str, Value] = {
            "tenant": challenge.tenant,
            "subject": challenge.subject,
            "challenge_id": challenge.challenge_id,
            "until_ms": until_ms,
            "now_ms": challenge.opened_ms,
        }
        steps = (Step(_TAKE_SLOT, slot), Step(_INSERT, _plain(challenge)), _leaf(challenge.tenant, entry), *also)
        return await self._writer.submit(Amend(steps)) == 1

    async def move(self, challenge: Challenge, entry: Entry | None = None, also: Sequence[Step] = ()) -> bool:
        """Bring a challenge, whose version is one above what was read, to what it is now; whether it was ours to do."""
        plain = _plain(challenge)
        values: dict[str, Value] = {f"to_{name}": plain[name] for name in _CHANGING}
        values |= {
            "of_tenant": challenge.tenant,
            "of_challenge": challenge.challenge_id,
            "seen": challenge.version - 1,
        }
        leaves = () if entry is None else (_leaf(challenge.tenant, entry),)
        return await self._writer.submit(Amend((Step(_MOVE, values), *leaves, *also))) == 1

    async def find(self, tenant: str, challenge_id: str) -> Challenge | None:
        """A tenant's challenge."""
        return _one(await self._reader.row(_SELECT, tenant=tenant, challenge_id=challenge_id))

    async def by_link(self, link: bytes) -> Challenge | None:
        """The challenge of a link that was not opened yet, by the digest of its secret."""
        return _one(await self._reader.row(SELECT_BY_LINK, link=link))

    async def by_ticket(self, ticket: bytes) -> Challenge | None:
        """The challenge that somebody comes back from, by the digest of the ``state``."""
        return _one(await self._reader.row(SELECT_BY_TICKET, ticket=ticket))

    async def of_check(self, tenant: str, check_id: str) -> list[Challenge]:
        """The challenges of a check, oldest first."""
        rows = await self._reader.rows(_SELECT_OF_CHECK, tenant=tenant, check_id=check_id, rows=self._rows_max)
        return [_challenge(row) for row in rows]

    async def due(self, now_ms: int, limit: int) -> list[Challenge]:
        """Open challenges of all tenants whose time is over."""
        rows = await self._reader.rows(SELECT_DUE, now_ms=now_ms, rows=min(limit, self._rows_max))
        return [_challenge(row) for row in rows]

    async def lately(self, tenant: str, subject: bytes, since_ms: int, limit: int) -> int:
        """How many were started about a subject since an instant, counted as far as ``limit``."""
        row = await self._reader.row(_COUNT_LATELY, tenant=tenant, subject=subject, since_ms=since_ms, rows=limit)
        return cast("int", row[0]) if row else 0

    async def prompts_lately(
        self, tenant: str, subject: bytes, since_ms: int, limit: int
    ) -> list[ChallengeCode | None]:
        """How the last questions on a subject's phone since an instant ended, newest first."""
        rows = await self._reader.rows(_PROMPTS_LATELY, tenant=tenant, subject=subject, since_ms=since_ms, rows=limit)
        return [None if code is None else ChallengeCode(str(code)) for (code,) in rows]


def prompt_over(challenge: Challenge) -> Step:
    """As part of the end of a challenge: nothing of it is before the person any more."""
    whose: dict[str, Value] = {
        "of_tenant": challenge.tenant,
        "of_subject": challenge.subject,
        "of_challenge": challenge.challenge_id,
    }
    return Step(_FREE_SLOT, whose)


def _leaf(tenant: str, entry: Entry) -> Step:
    return Step(INSERT_LEAF, {"tenant": tenant, "entry": entry.id, "hash": entry.hash, "leaf": entry.body})


def _plain(challenge: Challenge) -> dict[str, Value]:
    members = msgspec.structs.asdict(challenge)
    return {name: str(value) if isinstance(value, str) else value for name, value in members.items()}


def _one(row: Row | None) -> Challenge | None:
    return None if row is None else _challenge(row)


def _challenge(row: Row) -> Challenge:
    members: dict[str, Any] = dict(zip(Challenge.__struct_fields__, row, strict=True))
    members["state"] = ChallengeState(members["state"])
    members["code"] = None if members["code"] is None else ChallengeCode(members["code"])
    return Challenge(**members)
