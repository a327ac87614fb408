"""What a tenant used: checks and operator calls by day, consumer and agent, with what they cost."""

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.cost import Call
from broker.domain.tenancy import is_sandbox
from broker.errors import Fault, InvalidRequest, NotFound
from broker.storage.consumer_store import Ancestor, MeteredRow

DAYS_MAX = 92
_CALLS = msgspec.json.Decoder(tuple[Call, ...])
_DAY = timedelta(days=1)


class MeterStore(Protocol):
    """Where it is kept what checks cost, and whose tenants are whose."""

    def metered(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[MeteredRow]:
        """What a tenant's checks cost in a time."""
        ...

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it."""
        ...


class MeterLine(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """So many ``check``s, or so many ``call``s of one kind at one operator; no ``amount`` where no price is known."""

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


class Meter:
    """Reads the meter, for a holder of ``tenant:admin`` there or above, and for whoever runs the broker."""

    def __init__(self, store: MeterStore) -> None:
        self._store = store

    async def __call__(self, by: Principal | None, tenant: str, since: date, until: date) -> MeterOut:
        """What was used from ``since`` to before ``until``.

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
        checks: Counter[tuple[date, str, str | None]] = Counter()
        calls: Counter[tuple[date, str, str | None, Call]] = Counter()
        async for row in self._store.metered(tenant, _ms(since), _ms(until)):
            whose = (datetime.fromtimestamp(row.at_ms / 1000, UTC).date(), row.consumer, row.agent)
            checks[whose] += row.is_check
            calls.update((*whose, call) for call in _CALLS.decode(row.calls))
        return _summed(tenant, since, until, checks, calls)


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


def _summed(
    tenant: str,
    since: date,
    until: date,
    checks: Counter[tuple[date, str, str | None]],
    calls: Counter[tuple[date, str, str | None, Call]],
) -> MeterOut:
    sandbox = is_sandbox(tenant)
    lines = [MeterLine(*whose, "check", count, sandbox=sandbox) for whose, count in checks.items() if count]
    totals: dict[str, Decimal] = {}
    for (day, consumer, agent, call), count in calls.items():
        amount = None if call.amount is None else call.amount * count
        paid = (call.operator, call.signal, call.currency, amount)
        lines.append(MeterLine(day, consumer, agent, "call", count, *paid, sandbox=sandbox))
        if amount is not None and call.currency is not None:
            totals[call.currency] = totals.get(call.currency, Decimal(0)) + amount
    ordered = sorted(lines, key=lambda line: (line.day, line.consumer, line.agent or "", line.kind, str(line)))
    sums = dict(sorted(totals.items()))
    return MeterOut(tenant, since, until, checks.total(), calls.total(), sums, tuple(ordered), sandbox)


def _cell(value: object) -> str:
    text = "true" if value is True else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
