"""Queries and writes of tenants, OAuth clients, trusted issuers, used ids and spending; as :mod:`statements`."""

from sqlalchemy import BigInteger, and_, bindparam, cast, delete, func, literal_column, null, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.tables import budgets, clients, metering, tenants, trusted_issuers, used_ids

DEPTH_MAX = 8
"""How far up a look at a tenant's platforms goes; deeper trees cannot be made."""

_here = (
    select(
        tenants.c.tenant, tenants.c.parent, tenants.c.suspended_ms, tenants.c.limits, literal_column("0").label("up")
    )
    .where(tenants.c.tenant == bindparam("tenant"))
    .cte("lineage", recursive=True)
)
_lineage = _here.union_all(
    select(tenants.c.tenant, tenants.c.parent, tenants.c.suspended_ms, tenants.c.limits, _here.c.up + 1)
    .join(_here, tenants.c.tenant == _here.c.parent)
    .where(_here.c.up < DEPTH_MAX)
)
SELECT_LINEAGE = select(_lineage).order_by(_lineage.c.up)
"""A tenant, then the platforms above it."""

INSERT_CHILD = insert(tenants).on_conflict_do_nothing()
_child = (
    select(tenants, literal_column("1").label("depth"))
    .where(tenants.c.parent == bindparam("tenant"))
    .cte("below", recursive=True)
)
_below = _child.union_all(
    select(tenants, _child.c.depth + 1)
    .join(_child, tenants.c.parent == _child.c.tenant)
    .where(_child.c.depth < bindparam("depth"))
)
SELECT_BELOW = (
    select(*(_below.c[column.name] for column in tenants.c))
    .where(_below.c.tenant > bindparam("after"))
    .order_by(_below.c.tenant)
    .limit(bindparam("rows"))
)
"""The tenants below one, so many levels deep, by name from one on."""

SUSPEND = (
    update(tenants)
    .values(suspended_ms=func.coalesce(tenants.c.suspended_ms, bindparam("at_ms")))
    .where(tenants.c.tenant == bindparam("of_tenant"))
)
RESUME = update(tenants).values(suspended_ms=null()).where(tenants.c.tenant == bindparam("of_tenant"))
LIMIT = update(tenants).values(limits=bindparam("to_limits")).where(tenants.c.tenant == bindparam("of_tenant"))

INSERT_CLIENT = insert(clients).on_conflict_do_nothing()
SELECT_CLIENT = select(clients).where(clients.c.client_id == bindparam("client_id"))
SELECT_CLIENTS = (
    select(clients)
    .where(clients.c.tenant == bindparam("tenant"))
    .order_by(clients.c.created_ms, clients.c.client_id)
    .limit(bindparam("rows"))
)
_of_client = and_(clients.c.tenant == bindparam("tenant"), clients.c.client_id == bindparam("of_client"))
DISABLE_CLIENT = (
    update(clients).values(disabled_ms=func.coalesce(clients.c.disabled_ms, bindparam("at_ms"))).where(_of_client)
)
ENABLE_CLIENT = update(clients).values(disabled_ms=null()).where(_of_client)
REKEY_CLIENT = update(clients).values(jwks=bindparam("to_jwks"), jwks_uri=bindparam("to_uri")).where(_of_client)
DELETE_CLIENT = delete(clients).where(_of_client)

_issuer = insert(trusted_issuers)
WRITE_ISSUER = _issuer.on_conflict_do_update(
    index_elements=list(trusted_issuers.primary_key), set_={"jwks": _issuer.excluded.jwks}
)
DELETE_ISSUER = delete(trusted_issuers).where(
    trusted_issuers.c.tenant == bindparam("tenant"), trusted_issuers.c.issuer == bindparam("issuer")
)
SELECT_ISSUERS = (
    select(trusted_issuers)
    .where(trusted_issuers.c.tenant == bindparam("tenant"))
    .order_by(trusted_issuers.c.issuer)
    .limit(bindparam("rows"))
)

# The guard of everything that may be done once.
USE_ID = insert(used_ids).on_conflict_do_nothing()
SELECT_USED = select(used_ids.c.until_ms).where(
    used_ids.c.tenant == bindparam("tenant"),
    used_ids.c.kind == bindparam("kind"),
    used_ids.c.digest == bindparam("digest"),
)
_over = (
    select(used_ids.c.tenant, used_ids.c.kind, used_ids.c.digest)
    .where(used_ids.c.until_ms <= bindparam("now_ms"))
    .limit(bindparam("rows"))
)
PURGE_USED = delete(used_ids).where(tuple_(used_ids.c.tenant, used_ids.c.kind, used_ids.c.digest).in_(_over))

SELECT_METERING = (
    select(metering)
    .where(
        metering.c.tenant == bindparam("tenant"),
        metering.c.at_ms < bindparam("until_ms"),
        tuple_(metering.c.at_ms, metering.c.check_id)
        > tuple_(cast(bindparam("after_ms"), BigInteger), bindparam("after_id")),
    )
    .order_by(metering.c.at_ms, metering.c.check_id)
    .limit(bindparam("rows"))
)

INSERT_METERING = insert(metering)
OPEN_BUDGET = insert(budgets).on_conflict_do_nothing()
# The guard of every paid call: nobody spends what would go beyond the limit, on any number of nodes.
SPEND = (
    update(budgets)
    .values(spent=budgets.c.spent + bindparam("amount"))
    .where(
        budgets.c.tenant == bindparam("tenant"),
        budgets.c.period == bindparam("period"),
        budgets.c.currency == bindparam("currency"),
        budgets.c.spent + bindparam("amount") <= bindparam("most"),
    )
)
SELECT_SPENT = select(budgets.c.currency, budgets.c.spent).where(
    budgets.c.tenant == bindparam("tenant"), budgets.c.period == bindparam("period")
)
SELECT_PURSES = (
    select(budgets.c.tenant, budgets.c.period, budgets.c.currency, budgets.c.spent)
    .where(
        budgets.c.period == bindparam("period"),
        budgets.c.low_ms.is_(None),
        tuple_(budgets.c.tenant, budgets.c.currency) > tuple_(bindparam("after_tenant"), bindparam("after_currency")),
    )
    .order_by(budgets.c.tenant, budgets.c.currency)
    .limit(bindparam("rows"))
)
# The guard of saying so: once a month, however many nodes look.
SAY_LOW = (
    update(budgets)
    .values(low_ms=bindparam("at_ms"))
    .where(
        budgets.c.tenant == bindparam("tenant"),
        budgets.c.period == bindparam("period"),
        budgets.c.currency == bindparam("currency"),
        budgets.c.low_ms.is_(None),
    )
)
