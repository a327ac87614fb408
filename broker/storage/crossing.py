"""Which tenant's rows a query may see. PostgreSQL enforces it by row-level security, beside the query's own condition.

A query that names no tenant sees nothing, unless it stands here: these few look after all tenants, or find out whose a
credential is.
"""

from collections.abc import Mapping

from sqlalchemy import Executable

from broker.storage import (
    challenge_store,
    consent_store,
    consumer_statements,
    event_statements,
    log_statements,
    policy_statements,
    privacy_statements,
    review_statements,
    rights_store,
    statements,
    vault_statements,
    watch_store,
)
from broker.storage.migrations.guard import ALL_TENANTS
from broker.storage.unit_of_work import Value

CROSSING: frozenset[Executable] = frozenset(
    {
        # Whose a credential is, is not known before it is read; a tenant's platforms and customers are other tenants.
        statements.SELECT_KEY,
        consumer_statements.SELECT_CLIENT,
        consumer_statements.SELECT_LINEAGE,
        consumer_statements.SELECT_BELOW,
        # The log is one for all.
        log_statements.COUNT_LEAVES,
        log_statements.SELECT_FENCE,
        log_statements.SELECT_LEAVES,
        # Work that goes through what is due, whoever's it is.
        statements.SELECT_EXPIRED_INTENTS,
        event_statements.SELECT_CLAIMED,
        event_statements.SELECT_READY_WEBHOOKS,
        review_statements.SELECT_DUE_REVIEWS,
        challenge_store.SELECT_BY_LINK,
        challenge_store.SELECT_BY_TICKET,
        challenge_store.SELECT_DUE,
        watch_store.SELECT_DUE_WATCHES,
        consumer_statements.SELECT_PURSES,
        consent_store.SELECT_DUE,
        policy_statements.SELECT_TENANTS,
        privacy_statements.SELECT_CHANGES,
        privacy_statements.SELECT_TENANTS,
        privacy_statements.SELECT_UNCLEARED,
        rights_store.SELECT_LAPSED,
        rights_store.COUNT_OVERDUE,
        vault_statements.SELECT_ROOTS_IN_USE,
        vault_statements.SELECT_TENANTS,
    }
)


def whose(query: Executable, values: Mapping[str, Value]) -> str:
    """The tenant whose rows a query may see, :data:`ALL_TENANTS`, or nobody's."""
    if query in CROSSING:
        return ALL_TENANTS
    named = values.get("tenant", values.get("of_tenant", ""))
    return named if isinstance(named, str) else ""
