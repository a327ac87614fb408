"""Consents and restrictions of subjects, durably; a leaf of the log and news for every node with each change."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from broker.domain.consent import Consent, ConsentState
from broker.domain.instrument import category
from broker.domain.privacy import Standing
from broker.storage.reader import Reader
from broker.storage.statements import literal
from broker.storage.tables import consents, subject_standings
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter

ROWS_MAX = 400
"""Versions of consents of one subject; one more is refused."""

_standing = insert(subject_standings)
_PUT_STANDING = _standing.on_conflict_do_update(
    index_elements=list(subject_standings.primary_key),
    set_={name: _standing.excluded[name] for name in ("paused_ms", "objected_ms")},
)
# Whoever has a consent has a standing, so that one look tells of both.
_BE_KNOWN = insert(subject_standings).on_conflict_do_nothing()
_INSERT_CONSENT = insert(consents).on_conflict_do_nothing()

_HELD = (
    select(subject_standings.c.paused_ms, subject_standings.c.objected_ms, consents)
    .outerjoin(
        consents,
        and_(consents.c.tenant == subject_standings.c.tenant, consents.c.subject == subject_standings.c.subject),
    )
    .where(subject_standings.c.tenant == bindparam("tenant"), subject_standings.c.subject == bindparam("subject"))
    .limit(bindparam("rows"))
)
_OF_ID = (
    select(consents)
    .where(consents.c.tenant == bindparam("tenant"), consents.c.consent_id == bindparam("consent_id"))
    .order_by(consents.c.version)
    .limit(bindparam("rows"))
)
_newer = consents.alias("newer")
SELECT_DUE = (
    select(consents)
    .outerjoin(
        _newer,
        and_(
            _newer.c.tenant == consents.c.tenant,
            _newer.c.consent_id == consents.c.consent_id,
            _newer.c.version > consents.c.version,
        ),
    )
    .where(
        consents.c.expires_ms <= bindparam("now_ms"),
        consents.c.state == literal("given"),
        _newer.c.version.is_(None),
    )
    .limit(bindparam("rows"))
)

FORGET_SUBJECT = (
    delete(consents).where(consents.c.tenant == bindparam("of_tenant"), consents.c.subject == bindparam("of_subject")),
)
"""Part of an erasure. A pause or an objection stays: whoever asked to be left alone is left alone."""


class Held(NamedTuple):
    """What is on record of a subject: its restrictions, and every version of its consents."""

    standing: Standing
    versions: tuple[Consent, ...]


class ConsentStore:
    """Reads and changes consents and standings; errors as in :class:`broker.storage.store.Store`."""

    def __init__(self, writer: GroupWriter, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def held(self, tenant: str, subject: bytes) -> Held:
        """Everything on record of a subject."""
        rows = await self._reader.rows(_HELD, tenant=tenant, subject=subject, rows=ROWS_MAX)
        if not rows:
            return Held(Standing(), ())
        paused_ms, objected_ms, *_ = _fields(rows[0])
        versions = [_fields(row)[2:] for row in rows]
        return Held(Standing(paused_ms, objected_ms), tuple(_consent(one) for one in versions if one[0] is not None))

    async def versions(self, tenant: str, consent_id: str) -> list[Consent]:
        """Every version of one consent, oldest first; none where the tenant has no such consent."""
        rows = await self._reader.rows(_OF_ID, tenant=tenant, consent_id=consent_id, rows=ROWS_MAX)
        return [_consent(_fields(row)) for row in rows]

    async def due(self, now_ms: int, rows: int) -> list[Consent]:
        """Consents of all tenants that are over, and nobody has noted it."""
        return [_consent(_fields(row)) for row in await self._reader.rows(SELECT_DUE, now_ms=now_ms, rows=rows)]

    async def add(self, consent: Consent, also: Sequence[Step]) -> bool:
        """Append a version; False where somebody else appended that one first. Then nothing was written."""
        known: dict[str, Value] = {"tenant": consent.tenant, "subject": consent.subject}
        known |= {"paused_ms": None, "objected_ms": None}
        unit = Amend((Step(_INSERT_CONSENT, _plain(consent)), Step(_BE_KNOWN, known), *also))
        return await self._writer.submit(unit) != 0

    async def put_standing(self, tenant: str, subject: bytes, standing: Standing, also: Sequence[Step]) -> None:
        """Restrict or free a subject."""
        values: dict[str, Value] = {"tenant": tenant, "subject": subject, **msgspec.structs.asdict(standing)}
        await self._writer.submit(Amend((Step(_PUT_STANDING, values), *also)))


def _plain(consent: Consent) -> dict[str, Value]:
    members = msgspec.structs.asdict(consent)
    names = " ".join(members.pop("categories"))
    return members | {"state": consent.state.value, "signals": names}


def _consent(row: Sequence[Any]) -> Consent:
    members = dict(zip(Consent.__struct_fields__, row, strict=True))
    members["state"] = ConsentState(members["state"])
    members["categories"] = tuple(category(name) for name in members["categories"].split())
    return Consent(**members)


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)
