"""Queries and writes of the vault's keys; text for drivers as in :mod:`statements`."""

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.tables import subject_keys, tenant_keys

SELECT_TENANT_KEYS = (
    select(tenant_keys).where(tenant_keys.c.tenant == bindparam("tenant")).order_by(tenant_keys.c.version)
)
INSERT_TENANT_KEY = insert(tenant_keys).on_conflict_do_nothing()

SELECT_SUBJECT_KEYS = (
    select(subject_keys)
    .where(subject_keys.c.tenant == bindparam("tenant"), subject_keys.c.subject == bindparam("subject"))
    .order_by(subject_keys.c.created_ms, subject_keys.c.key_id)
)
INSERT_SUBJECT_KEY = insert(subject_keys).on_conflict_do_nothing()

SELECT_TENANTS = (
    select(tenant_keys.c.tenant, func.max(tenant_keys.c.version))
    .where(tenant_keys.c.tenant > bindparam("after"))
    .group_by(tenant_keys.c.tenant)
    .order_by(tenant_keys.c.tenant)
    .limit(bindparam("rows"))
)
"""Tenants with the version that wraps what is new, in the order of their names."""

SELECT_ROOTS_IN_USE = select(tenant_keys.c.root_id).distinct()

_SUPERSEDED = (subject_keys.c.tenant == bindparam("tenant"), subject_keys.c.tenant_version < bindparam("below"))
SELECT_SUPERSEDED = select(subject_keys).where(*_SUPERSEDED).limit(bindparam("rows"))
"""Keys of subjects under an older version of their tenant's key."""

REWRAP_SUBJECT_KEY = (
    update(subject_keys)
    .values(tenant_version=bindparam("to_version"), wrapped=bindparam("to_wrapped"))
    .where(
        subject_keys.c.tenant == bindparam("of_tenant"),
        subject_keys.c.subject == bindparam("of_subject"),
        subject_keys.c.key_id == bindparam("of_key_id"),
        subject_keys.c.tenant_version == bindparam("seen"),
    )
)
"""Only from the version that was read: of two that re-wrap the same row one wins, and both were right."""

# A node may go on with the version that it knows for a while, so the one that took its place must be old enough.
_later = tenant_keys.alias("later")
DELETE_TENANT_KEYS = delete(tenant_keys).where(
    exists()
    .where(_later.c.tenant == tenant_keys.c.tenant)
    .where(_later.c.version > tenant_keys.c.version)
    .where(_later.c.created_ms < bindparam("before_ms")),
    ~exists()
    .where(subject_keys.c.tenant == tenant_keys.c.tenant)
    .where(subject_keys.c.tenant_version == tenant_keys.c.version),
)
