"""What a tenant used: checks and operator calls by day, consumer and agent, with what they cost."""

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.cost import Call
from broker.domain.tenancy import is_sandbox
from broker.errors import Fault, InvalidRequest, NotFound
from broker.storage.consumer_store import Ancestor, MeteredRow, TenantRow

DAYS_MAX = 92
DEPTH_MAX = 8
_PAGE = 500
_CALLS = msgspec.json.Decoder(tuple[Call, ...])
_DAY = timedelta(days=1)
_USUAL_DAYS = 31


class MeterStore(Protocol):
    """Where it is kept what checks cost, and whose tenants are whose."""

    def metered(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[MeteredRow]:
        """What a tenant's checks cost in a time."""
        ...

    async def below(self, tenant: str, depth: int, after: str, rows: int) -> list[TenantRow]:
        """The tenants below one, by name."""
        ...

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it."""
        ...


class MeterLine(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """So many ``check``s, or so many ``call``s of one kind at one operator; no ``amount`` where no price is known.

    ``tenant`` is there where a platform's customers are told with it.
    """

    day: date
    consumer: str
    agent: str | None
    kind: str
    count: int
    operator: str | None = None
    signal: str | None = None
    currency: str | None = None
    amount: Decimal | None = None
    sandbox: bool = False
    tenant: str | None = None


class MeterOut(msgspec.Struct, frozen=True, rename="camel"):
    """What a tenant used from a day to before another (UTC), and the sums of it. ``sandbox``: nobody real was asked."""

    tenant: str
    since: date
    until: date
    checks: int
    calls: int
    totals: dict[str, Decimal]
    lines: tuple[MeterLine, ...]
    sandbox: bool = False


class _Used:
    """What one tenant used: checks, and calls at operators, by day, consumer and agent."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.checks: Counter[tuple[date, str, str | None]] = Counter()
        self.calls: Counter[tuple[date, str, str | None, Call]] = Counter()


class Meter:
    """Reads the meter, for a holder of ``tenant:admin`` there or above, and for whoever runs the broker."""

    def __init__(self, store: MeterStore) -> None:
        self._store = store

    async def __call__(
        self, by: Principal | None, tenant: str, since: date, until: date, *, below: bool = False
    ) -> MeterOut:
        """What was used from ``since`` to before ``until``; with ``below`` by all tenants below as well.

        Raises:
            NotPermitted, NotFound: no ``tenant:admin``, or not a tenant of one's own or below.
            InvalidRequest: no days, or more than a quarter of a year.
        """
        lineage = await self._store.lineage(tenant)
        if by is not None:
            authorize.require(by, authorize.TENANT_ADMIN)
        if not lineage or (by is not None and by.tenant not in {each.tenant for each in lineage}):
            raise NotFound("there is no such tenant of yours")
        if not timedelta(0) < until - since <= DAYS_MAX * _DAY:
            raise InvalidRequest("no such period", [Fault("/until", f"send a day 1 to {DAYS_MAX} days after since")])
        own = [await self._of_one(tenant, since, until)]
        if not below:
            return _summed(tenant, since, until, own)
        customers = [await self._of_one(customer, since, until) async for customer in self._below(tenant)]
        return _summed(tenant, since, until, own + customers, named=True)

    async def _below(self, tenant: str) -> AsyncIterator[str]:
        after = ""
        while page := await self._store.below(tenant, DEPTH_MAX, after, _PAGE):
            for row in page:
                yield row.tenant
            after = page[-1].tenant

    async def _of_one(self, tenant: str, since: date, until: date) -> _Used:
        used = _Used(tenant)
        async for row in self._store.metered(tenant, _ms(since), _ms(until)):
            whose = (datetime.fromtimestamp(row.at_ms / 1000, UTC).date(), row.consumer, row.agent)
            used.checks[whose] += row.is_check
            used.calls.update((*whose, call) for call in _CALLS.decode(row.calls))
        return used


def period(since: date | None, until: date | None, today: date) -> tuple[date, date]:
    """The first day and the one after the last: where nothing is said, the 31 days that end today."""
    last = until or today + _DAY
    # There is no day before the first of the calendar, whatever somebody asks for.
    return since or date.fromordinal(max(1, last.toordinal() - _USUAL_DAYS)), last


def as_csv(metered: MeterOut) -> str:
    """The lines as CSV (RFC 4180) under their names.

    Defensive: what a spreadsheet would take for a formula is given an apostrophe.
    """
    names = [field.encode_name for field in msgspec.structs.fields(MeterLine)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    for line in metered.lines:
        writer.writerow({name: _cell(value) for name, value in msgspec.to_builtins(line).items() if value is not None})
    return text.getvalue()


def _summed(tenant: str, since: date, until: date, parts: Sequence[_Used], *, named: bool = False) -> MeterOut:
    totals: dict[str, Decimal] = {}
    lines: list[MeterLine] = []
    for used in parts:
        found = _lines(used, used.tenant if named else None)
        lines += found
        for line in found:
            if line.amount is not None and line.currency is not None:
                totals[line.currency] = totals.get(line.currency, Decimal(0)) + line.amount
    checks, calls = (sum(line.count for line in lines if line.kind == kind) for kind in ("check", "call"))
    sums = dict(sorted(totals.items()))
    return MeterOut(tenant, since, until, checks, calls, sums, tuple(lines), is_sandbox(tenant))


def _lines(used: _Used, tenant: str | None) -> list[MeterLine]:
    sandbox = is_sandbox(used.tenant)
    lines = [
        MeterLine(*whose, "check", count, sandbox=sandbox, tenant=tenant)
        for whose, count in used.checks.items()
        if count
    ]
    for (day, consumer, agent, call), count in used.calls.items():
        amount = None if call.amount is None else call.amount * count
        paid = (call.operator, call.signal, call.currency, amount)
        lines.append(MeterLine(day, consumer, agent, "call", count, *paid, sandbox=sandbox, tenant=tenant))
    return sorted(lines, key=lambda line: (line.day, line.consumer, line.agent or "", line.kind, str(line)))


def _cell(value: object) -> str:
    text = "true" if value is True else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
