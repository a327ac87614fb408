"""Who calls, durably: tenants within tenants, OAuth clients, trusted issuers, used ids, what was spent."""

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import msgspec

from broker.errors import BrokerError, Conflict, NotFound
from broker.storage import consumer_statements as sql
from broker.storage.reader import Reader
from broker.storage.statements import INSERT_TENANT
from broker.storage.unit_of_work import Amend, Row, Step, Value, Write
from broker.storage.writer import GroupWriter

_NO_LIMIT = 2**62
_NO_CLIENT = "there is no such client"
_log = logging.getLogger(__name__)


class TenantRow(msgspec.Struct, frozen=True):
    """A tenant; ``parent`` is the platform that made it, ``limits`` its quotas and budgets as JSON."""

    tenant: str
    created_ms: int
    parent: str | None = None
    suspended_ms: int | None = None
    limits: str | None = None


class Ancestor(msgspec.Struct, frozen=True):
    """A tenant as seen from one below it (``up`` steps), or from itself."""

    tenant: str
    parent: str | None
    suspended_ms: int | None
    limits: str | None
    up: int


class ClientRow(msgspec.Struct, frozen=True):
    """An OAuth client of a tenant, and what it proves itself with.

    ``jwks`` is a JWK set in JSON, public keys only; empty where ``jwks_uri`` says where they are, or where it is a
    ``certificate``, as :mod:`broker.consumers.certificates` writes it.
    """

    tenant: str
    client_id: str
    consumer: str
    agent: str | None
    jwks: str
    scopes: tuple[str, ...]
    bound: bool
    delegates: bool
    created_ms: int
    disabled_ms: int | None = None
    jwks_uri: str | None = None
    certificate: str | None = None

    def __repr__(self) -> str:
        return f"ClientRow({self.tenant}, {self.client_id})"


class TrustedIssuer(msgspec.Struct, frozen=True):
    """Somebody whose word a tenant takes for who its users are."""

    tenant: str
    issuer: str
    jwks: str
    created_ms: int


class UsedId(msgspec.Struct, frozen=True):
    """What was used; ``digest`` is a SHA-256, ``until_ms`` when it would be refused anyway."""

    tenant: str
    kind: str
    digest: bytes
    until_ms: int


class MeteredRow(msgspec.Struct, frozen=True):
    """What one check cost, or one call outside checks (``use_…`` in the place of the check); ``calls`` is JSON."""

    tenant: str
    check_id: str
    at_ms: int
    consumer: str
    agent: str | None
    calls: bytes

    @property
    def is_check(self) -> bool:
        """Whether a check is behind it."""
        return not self.check_id.startswith("use_")


class Purse(msgspec.Struct, frozen=True):
    """The budget of one tenant for one month in one currency, in millionths."""

    tenant: str
    period: str
    currency: str


class ConsumerStore:
    """Reads and changes who may call. Every method may raise what the store's others may."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it, nearest first; empty where there is no such tenant."""
        return [Ancestor(*_fields(row)) for row in await self._reader.rows(sql.SELECT_LINEAGE, tenant=tenant)]

    async def add_tenant(self, row: TenantRow) -> None:
        """Make a tenant.

        Raises:
            Conflict: there is one of that name.
        """
        if await self._writer.submit(Write((sql.INSERT_CHILD,), msgspec.structs.asdict(row))) == 0:
            raise Conflict("a tenant of this name exists")

    async def below(self, tenant: str, depth: int, after: str, rows: int) -> list[TenantRow]:
        """The tenants below one, so many levels deep, by name from beyond ``after`` on; at most so many."""
        most = min(rows, self._rows_max)
        found = await self._reader.rows(sql.SELECT_BELOW, tenant=tenant, depth=depth, after=after, rows=most)
        return [TenantRow(*_fields(row)) for row in found]

    async def suspend(self, tenant: str, at_ms: int) -> None:
        """Suspend a tenant; repeating it keeps the first instant."""
        await self._change(sql.SUSPEND, {"of_tenant": tenant, "at_ms": at_ms}, "there is no such tenant")

    async def resume(self, tenant: str) -> None:
        """End the suspension of a tenant."""
        await self._change(sql.RESUME, {"of_tenant": tenant}, "there is no such tenant")

    async def limit(self, tenant: str, limits: str | None) -> None:
        """Replace a tenant's limits."""
        await self._change(sql.LIMIT, {"of_tenant": tenant, "to_limits": limits}, "there is no such tenant")

    async def add_client(self, row: ClientRow) -> None:
        """Keep a new client, and make its tenant where there is none.

        Raises:
            Conflict: a client of that id exists, be it another tenant's.
        """
        values = msgspec.structs.asdict(row)
        values |= {"scopes": " ".join(row.scopes), "bound": int(row.bound), "delegates": int(row.delegates)}
        if await self._writer.submit(Write((INSERT_TENANT, sql.INSERT_CLIENT), values)) == 0:
            raise Conflict("a client of this id exists")

    async def find_client(self, client_id: str) -> ClientRow | None:
        """The client of that id, disabled ones too: the tenant is not known before the client is."""
        row = await self._reader.row(sql.SELECT_CLIENT, client_id=client_id)
        return _client(row) if row else None

    async def clients(self, tenant: str) -> list[ClientRow]:
        """A tenant's clients, oldest first."""
        rows = await self._reader.rows(sql.SELECT_CLIENTS, tenant=tenant, rows=self._rows_max)
        return [_client(row) for row in rows]

    async def disable_client(self, tenant: str, client_id: str, at_ms: int) -> None:
        """Disable a client; repeating it keeps the first instant."""
        values: dict[str, Value] = {"tenant": tenant, "of_client": client_id, "at_ms": at_ms}
        await self._change(sql.DISABLE_CLIENT, values, _NO_CLIENT)

    async def enable_client(self, tenant: str, client_id: str) -> None:
        """End that."""
        await self._change(sql.ENABLE_CLIENT, {"tenant": tenant, "of_client": client_id}, _NO_CLIENT)

    async def rekey_client(self, tenant: str, client_id: str, jwks: str, jwks_uri: str | None) -> None:
        """Replace what a client signs with."""
        values: dict[str, Value] = {"tenant": tenant, "of_client": client_id, "to_jwks": jwks, "to_uri": jwks_uri}
        await self._change(sql.REKEY_CLIENT, values, _NO_CLIENT)

    async def delete_client(self, tenant: str, client_id: str) -> None:
        """Forget a client."""
        await self._change(sql.DELETE_CLIENT, {"tenant": tenant, "of_client": client_id}, _NO_CLIENT)

    async def trust(self, issuer: TrustedIssuer) -> None:
        """Take an issuer's word from now on; its keys are replaced where it was trusted before."""
        await self._writer.submit(Write((INSERT_TENANT, sql.WRITE_ISSUER), msgspec.structs.asdict(issuer)))

    async def distrust(self, tenant: str, issuer: str) -> None:
        """Take an issuer's word no longer."""
        await self._change(sql.DELETE_ISSUER, {"tenant": tenant, "issuer": issuer}, "this issuer is not trusted")

    async def issuers(self, tenant: str) -> list[TrustedIssuer]:
        """Whose word a tenant takes."""
        rows = await self._reader.rows(sql.SELECT_ISSUERS, tenant=tenant, rows=self._rows_max)
        return [TrustedIssuer(*_fields(row)) for row in rows]

    async def use(self, ids: Sequence[UsedId]) -> bool:
        """Use ids that may be used once; False where the first one was used before, and then nothing is written."""
        steps = tuple(Step(sql.USE_ID, msgspec.structs.asdict(one)) for one in ids)
        return await self._writer.submit(Amend(steps)) != 0

    async def was_used(self, tenant: str, kind: str, digest: bytes) -> bool:
        """Whether an id was used."""
        return await self._reader.row(sql.SELECT_USED, tenant=tenant, kind=kind, digest=digest) is not None

    async def purge_used(self, now_ms: int, limit: int) -> int:
        """Forget ids of all tenants that would be refused anyway; how many went."""
        values: dict[str, Value] = {"now_ms": now_ms, "rows": min(limit, self._rows_max)}
        return cast("int", await self._writer.submit(Write((sql.PURGE_USED,), values)))

    async def metered(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[MeteredRow]:
        """What a tenant's checks cost from ``since_ms`` to before ``until_ms``, oldest first, a page at a time."""
        after: tuple[int, str] = (since_ms, "")
        while True:
            rows = await self._reader.rows(
                sql.SELECT_METERING,
                tenant=tenant,
                until_ms=until_ms,
                after_ms=after[0],
                after_id=after[1],
                rows=self._rows_max,
            )
            for row in rows:
                metered = MeteredRow(*_fields(row))
                after = metered.at_ms, metered.check_id
                yield metered
            if len(rows) < self._rows_max:
                return

    def meter_soon(self, row: MeteredRow) -> None:
        """Keep what one call outside checks cost, with the next commit and before whatever is written after it."""
        try:
            self._writer.post(Write((sql.INSERT_METERING,), msgspec.structs.asdict(row)))
        except BrokerError as error:
            _log.error("a call at an operator is not on the meter: %(code)s", {"code": error.code})

    async def spend(self, purse: Purse, amount: int, most: int) -> bool:
        """Spend from a budget, or not at all where it would go beyond ``most``; negative amounts give back."""
        return await self._writer.submit(_spending(purse, amount, most)) == 1

    def give_back_soon(self, purse: Purse, amount: int) -> None:
        """Give back what was reserved and not spent, with the next commit and without waiting.

        Where that fails it counts as spent: a budget may stop too early, and never too late.
        """
        with contextlib.suppress(BrokerError):
            self._writer.post(_spending(purse, -amount, _NO_LIMIT))

    async def spent(self, tenant: str, period: str) -> dict[str, int]:
        """What a tenant has spent and reserved in a month, by currency."""
        rows = await self._reader.rows(sql.SELECT_SPENT, tenant=tenant, period=period)
        return dict(cast("list[tuple[str, int]]", [tuple(row) for row in rows]))

    async def purses(self, period: str, after: Purse | None, rows: int) -> list[tuple[Purse, int]]:
        """What all tenants have spent and reserved in a month, but for the budgets that were said to be low.

        By tenant and currency, from beyond ``after`` on.
        """
        found = await self._reader.rows(
            sql.SELECT_PURSES,
            period=period,
            after_tenant="" if after is None else after.tenant,
            after_currency="" if after is None else after.currency,
            rows=min(rows, self._rows_max),
        )
        return [(Purse(*fields), spent) for *fields, spent in map(_fields, found)]

    async def say_low(self, purse: Purse, at_ms: int, event: Step) -> bool:
        """Tell that a budget is nearly spent, and remember it; False where somebody has told it this month."""
        guard = Step(sql.SAY_LOW, {**msgspec.structs.asdict(purse), "at_ms": at_ms})
        return await self._writer.submit(Amend((guard, event))) == 1

    async def _change(self, statement: Any, values: dict[str, Value], missing: str) -> None:
        if await self._writer.submit(Write((statement,), values)) == 0:
            raise NotFound(missing)


def _spending(purse: Purse, amount: int, most: int) -> Write:
    values = {**msgspec.structs.asdict(purse), "spent": 0, "low_ms": None, "amount": amount, "most": most}
    return Write((sql.OPEN_BUDGET, sql.SPEND), values)


def _client(row: Row) -> ClientRow:
    tenant, client_id, consumer, agent, jwks, scopes, bound, delegates, *instants = _fields(row)
    return ClientRow(
        tenant, client_id, consumer, agent, jwks, tuple(scopes.split()), bool(bound), bool(delegates), *instants
    )


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)
