"""Tell somebody everything that is held about them at one tenant (GDPR Art. 15), for machines and to be read."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from broker.clock import Clock
from broker.domain.evidence import Evidence
from broker.domain.record import Check
from broker.domain.rights import RequestWords
from broker.errors import Erased
from broker.privacy.vault import Vault
from broker.storage.holdings import LEFT_OUT
from broker.storage.records import StoredCheck
from broker.storage.unit_of_work import Value
from broker.usecases.learning.open_checks import evidence_use, record_use
from broker.usecases.privacy.keep_retention import KeepRetention
from broker.usecases.reviews.review_words import opened_word

ROWS_MAX = 20_000
"""Of one kind: more than anybody has, and yet an end."""
_RIGHTS = (
    "You may have a wrong fact corrected, dispute a decision before a human, object to what rests on legitimate"
    " interest, take back a consent at any time, have everything erased, and complain to your supervisory authority."
)
_LOGIC = (
    "Each check asks your mobile operator about your line, weighs every answer by a published table, and decides by a"
    " policy; both are named in the check by their digests, and the reasons are those that moved the decision."
)
_ERASED = (
    "What was known about this number was erased at {at}: the keys that opened it are destroyed, in every backup. What"
    " remains is that checks took place, when, and with what decision, so that the record stays provable and whoever"
    " acted on a decision can answer for it (GDPR Art. 17(3)(b) and (e)); that you asked, so that we can show that we"
    " did it; and a pause or an objection, so that you are left alone."
)


class HoldingsOut(msgspec.Struct, frozen=True, rename="camel"):
    """Everything. ``held`` is by kind; ``complete`` is false where a kind has more than can be told at once.

    ``kept`` is for how long, ``recipients`` are the operators that were asked, ``left_out`` what is not told and why.
    """

    tenant: str
    subject: str
    prepared_at: datetime
    complete: bool
    held: dict[str, list[dict[str, Any]]]
    recipients: tuple[str, ...]
    kept: dict[str, str]
    left_out: dict[str, str]
    erased: str | None
    logic: str
    rights: str


class Holdings(Protocol):
    """Where it is known what is held."""

    async def held(self, tenant: str, subject: bytes, limit: int) -> dict[str, list[dict[str, Value]]]:
        """What each table holds about somebody, newest first."""
        ...


class Checks(Protocol):
    """Where checks are opened."""

    async def find_check(self, tenant: str, check_id: str) -> StoredCheck | None:
        """The check; raises *Erased*."""
        ...


class ReportHoldings:
    """Reads, opens and tells; it decides nothing about who may ask."""

    def __init__(
        self, holdings: Holdings, checks: Checks, vault: Vault, retention: KeepRetention, clock: Clock
    ) -> None:
        self._holdings = holdings
        self._checks = checks
        self._vault = vault
        self._retention = retention
        self._clock = clock

    async def __call__(self, tenant: str, subject: bytes) -> HoldingsOut:
        """The report.

        Raises:
            Unrecorded, Overloaded: the store cannot be read.
        """
        rows = await self._holdings.held(tenant, subject, ROWS_MAX + 1)
        complete = all(len(found) <= ROWS_MAX for found in rows.values())
        held = {
            name: [await self._told(tenant, subject, name, row) for row in found[:ROWS_MAX]]
            for name, found in rows.items()
        }
        erasures = held.get("erasures", [])
        return HoldingsOut(
            tenant=tenant,
            subject=subject.hex(),
            prepared_at=self._clock.now(),
            complete=complete,
            held=held,
            recipients=_recipients(held),
            kept={one.category: f"{one.days} days" for one in (await self._retention.of(tenant)).categories},
            left_out=dict(LEFT_OUT),
            erased=_ERASED.format(at=erasures[0]["erasedAt"]) if erasures else None,
            logic=_LOGIC,
            rights=_RIGHTS,
        )

    async def _told(self, tenant: str, subject: bytes, name: str, row: Mapping[str, Value]) -> dict[str, Any]:
        told = {_camel(key): _plain(key, value) for key, value in row.items() if not isinstance(value, bytes)}
        match name:
            case "checks":
                return told | await self._check(tenant, str(row["check_id"]))
            case "check_revisions":
                return told | await self._revision(tenant, subject, row)
            case "subject_requests":
                use = f"subject_request:{row['request_id']!s}"
                return told | await self._opened(tenant, subject, use, row["sealed"], RequestWords)
            case "reviews":
                return told | await self._review(tenant, subject, row)
            case _:
                return told

    async def _check(self, tenant: str, check_id: str) -> dict[str, Any]:
        try:
            stored = await self._checks.find_check(tenant, check_id)
        except Erased:
            return {"erased": True}
        if stored is None or not stored.record:
            return {}
        return _record(stored.record, stored.evidence)

    async def _revision(self, tenant: str, subject: bytes, row: Mapping[str, Value]) -> dict[str, Any]:
        record, evidence = row["record"], row["evidence"]
        if not isinstance(record, bytes) or not record:
            return {"erased": True}
        try:
            opened = await self._vault.open(tenant, subject, record_use(str(row["check_id"])), record)
            proof = b""
            if isinstance(evidence, bytes) and evidence:
                proof = await self._vault.open(tenant, subject, evidence_use(str(row["check_id"])), evidence)
        except Erased:
            return {"erased": True}
        return _record(opened, proof)

    async def _review(self, tenant: str, subject: bytes, row: Mapping[str, Value]) -> dict[str, Any]:
        told = {}
        for kind in ("justification", "reason"):
            kept = str(row[kind] or "")
            told[kind] = await opened_word(self._vault, tenant, subject, str(row["review_id"]), kind, kept)
        return told

    async def _opened(
        self, tenant: str, subject: bytes, use: str, sealed: Value, kind: type[RequestWords]
    ) -> dict[str, Any]:
        if not isinstance(sealed, bytes) or not sealed:
            return {}
        try:
            words = msgspec.json.decode(await self._vault.open(tenant, subject, use, sealed), type=kind)
        except Erased:
            return {"erased": True}
        return dict(msgspec.to_builtins(words))


def _record(record: bytes, evidence: bytes) -> dict[str, Any]:
    """The record as it is kept, without its receipt: that is worth something to whoever holds it, and says no more."""
    check = msgspec.json.decode(record, type=Check)
    if evidence:
        check = msgspec.structs.replace(check, evidence=msgspec.json.decode(evidence, type=Evidence))
    told = msgspec.to_builtins(check)
    for name in ("receipt", "tenant", "subject", "key_id"):
        told.pop(name)
    return {"record": told}


def _recipients(held: Mapping[str, list[dict[str, Any]]]) -> tuple[str, ...]:
    records = [one["record"] for one in held["checks"] if "record" in one]
    sources = [signal.get("source") for record in records for signal in record["evidence"]["signals"]]
    return tuple(sorted({source["operator"] for source in sources if source}))


def _camel(column: str) -> str:
    first, *rest = column.removesuffix("_ms").split("_")
    return first + "".join(part.capitalize() for part in rest) + ("At" if column.endswith("_ms") else "")


def _plain(column: str, value: Value) -> Value:
    if column.endswith("_ms") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    return value


def as_text(report: Mapping[str, Any]) -> str:
    """A report, as its JSON, in lines to be read: one fact a line, indented under what it belongs to."""
    return "\n".join(_lines(report, 0)) + "\n"


def _lines(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, Mapping):
        for key, one in value.items():
            if one in (None, "", [], {}):
                continue
            if isinstance(one, Mapping | list | tuple):
                yield f"{indent}{key}:"
                yield from _lines(one, depth + 1)
            else:
                yield f"{indent}{key}: {_word(one)}"
        return
    for one in value:
        if isinstance(one, Mapping | list | tuple):
            nested = list(_lines(one, depth + 1))
            yield from ([f"{indent}- {nested[0].strip()}", *nested[1:]] if nested else [])
        else:
            yield f"{indent}- {_word(one)}"


def _word(value: Any) -> str:
    """Defensive: what people and agents wrote must stay on its line, and move no cursor."""
    return "".join(each if each.isprintable() else "\ufffd" for each in str(value))
