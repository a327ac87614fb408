"""Queries and writes of policy versions, changes, stops and shadows; text for drivers as in :mod:`statements`."""

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.tables import (
    checks,
    evidence,
    log_leaves,
    policy_changes,
    policy_heads,
    policy_stops,
    policy_versions,
    rule_texts,
    shadow_runs,
    shadow_tallies,
)

ALL_TENANTS = ""
"""The row of :data:`policy_heads` that moves with every tenant's; no tenant has an empty name."""

SELECT_HEAD = select(policy_heads.c.revision).where(policy_heads.c.tenant == bindparam("tenant"))

# The guard of every change: whoever moves the head from what they read owns the change, on any number of nodes.
MOVE_HEAD = (
    update(policy_heads)
    .values(revision=bindparam("next"))
    .where(policy_heads.c.tenant == bindparam("tenant"), policy_heads.c.revision == bindparam("expected"))
)
MAKE_HEAD = insert(policy_heads).values(tenant=bindparam("tenant"), revision=bindparam("next")).on_conflict_do_nothing()
TELL_ALL = update(policy_heads).values(revision=policy_heads.c.revision + 1).where(policy_heads.c.tenant == "")

INSERT_TEXT = insert(rule_texts).on_conflict_do_nothing()
SELECT_TENANTS = (
    select(policy_heads.c.tenant)
    .where(policy_heads.c.tenant != ALL_TENANTS)
    .order_by(policy_heads.c.tenant)
    .limit(bindparam("rows"))
)
SELECT_TEXT = select(rule_texts.c.body).where(
    rule_texts.c.tenant == bindparam("tenant"), rule_texts.c.digest == bindparam("digest")
)

INSERT_VERSION = insert(policy_versions)
SELECT_VERSIONS = (
    select(policy_versions)
    .where(policy_versions.c.tenant == bindparam("tenant"))
    .order_by(policy_versions.c.policy_id, policy_versions.c.version)
    .limit(bindparam("rows"))
)

INSERT_CHANGE = insert(policy_changes)
DECIDE_CHANGE = (
    update(policy_changes)
    .values(
        state=bindparam("new_state"),
        decided_by=bindparam("by"),
        decided_ms=bindparam("at_ms"),
        effective_ms=bindparam("from_ms"),
        place=bindparam("order"),
    )
    .where(
        policy_changes.c.tenant == bindparam("tenant"),
        policy_changes.c.change_id == bindparam("change_id"),
        policy_changes.c.state == bindparam("old_state"),
    )
)
SELECT_CHANGES = (
    select(policy_changes)
    .where(policy_changes.c.tenant == bindparam("tenant"))
    .order_by(policy_changes.c.requested_ms.desc(), policy_changes.c.change_id.desc())
    .limit(bindparam("rows"))
)

INSERT_STOP = insert(policy_stops)
RESUME = (
    update(policy_stops)
    .values(resumed_by=bindparam("by"), resumed_ms=bindparam("at_ms"))
    .where(
        policy_stops.c.tenant == bindparam("tenant"),
        policy_stops.c.stop_id == bindparam("stop_id"),
        policy_stops.c.resumed_ms.is_(None),
    )
)
SELECT_STOPS = (
    select(policy_stops)
    .where(policy_stops.c.tenant == bindparam("tenant"))
    .order_by(func.coalesce(policy_stops.c.resumed_ms, bindparam("never_ms")).desc(), policy_stops.c.stop_id)
    .limit(bindparam("rows"))
)
"""Those in force first, then the latest resumed."""

INSERT_SHADOW = insert(shadow_runs)
END_SHADOW = (
    update(shadow_runs)
    .values(ended_ms=bindparam("at_ms"))
    .where(
        shadow_runs.c.tenant == bindparam("tenant"),
        shadow_runs.c.shadow_id == bindparam("shadow_id"),
        shadow_runs.c.ended_ms.is_(None),
    )
)
SELECT_SHADOWS = (
    select(shadow_runs)
    .where(shadow_runs.c.tenant == bindparam("tenant"))
    .order_by(shadow_runs.c.started_ms.desc(), shadow_runs.c.shadow_id)
    .limit(bindparam("rows"))
)
_tally = insert(shadow_tallies)
WRITE_TALLY = _tally.on_conflict_do_update(
    index_elements=list(shadow_tallies.primary_key),
    set_={"payload": _tally.excluded.payload, "updated_ms": _tally.excluded.updated_ms},
)
SELECT_TALLIES = select(shadow_tallies.c.payload).where(
    shadow_tallies.c.tenant == bindparam("tenant"), shadow_tallies.c.shadow_id == bindparam("shadow_id")
)

INSERT_LEAF = insert(log_leaves).values(
    tenant=bindparam("tenant"), check_id=bindparam("entry"), leaf_hash=bindparam("hash"), body=bindparam("leaf")
)

SELECT_RECORDS = (
    select(checks.c.check_id, checks.c.settled_ms, checks.c.record, evidence.c.payload, checks.c.subject)
    .join(evidence, (evidence.c.tenant == checks.c.tenant) & (evidence.c.check_id == checks.c.check_id))
    .where(
        checks.c.tenant == bindparam("tenant"),
        checks.c.status == "settled",
        checks.c.check_id > bindparam("after"),
        checks.c.settled_ms >= bindparam("from_ms"),
        checks.c.settled_ms < bindparam("until_ms"),
    )
    .order_by(checks.c.check_id)
    .limit(bindparam("rows"))
)
"""Recorded checks with their evidence, by id: ids begin with their instant, so this is the order of arrival."""
