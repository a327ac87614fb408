"""Where something is held about a person: every table, with what of it a report on that person tells, or why nothing.

A test compares this with the tables, so that a new one cannot be forgotten.
"""

from collections.abc import Mapping

from sqlalchemy import Executable, Table, bindparam, select, tuple_

from broker.storage import tables
from broker.storage.tables import checks

_HIS_CHECKS = select(checks.c.tenant, checks.c.check_id).where(
    checks.c.tenant == bindparam("tenant"), checks.c.subject == bindparam("subject")
)


def _by_subject(table: Table, at: str, *told: str) -> Executable:
    return (
        select(*(table.c[name] for name in told))
        .where(table.c.tenant == bindparam("tenant"), table.c.subject == bindparam("subject"))
        .order_by(table.c[at].desc(), *table.primary_key.columns)
        .limit(bindparam("rows"))
        .offset(bindparam("skip"))
    )


def _by_check(table: Table, at: str, *told: str) -> Executable:
    return (
        select(*(table.c[name] for name in told))
        .where(tuple_(table.c.tenant, table.c.check_id).in_(_HIS_CHECKS))
        .order_by(table.c[at].desc(), *table.primary_key.columns)
        .limit(bindparam("rows"))
        .offset(bindparam("skip"))
    )


HOLDINGS: Mapping[str, Executable] = {
    "checks": _by_subject(checks, "settled_ms", "check_id", "status", "started_ms", "settled_ms", "decision"),
    "check_revisions": _by_check(
        tables.check_revisions, "settled_ms", "check_id", "revision", "settled_ms", "record", "evidence"
    ),
    "outcomes": _by_check(tables.outcomes, "reported_ms", "check_id", "outcome", "found_ms", "reported_ms", "consumer"),
    "receipt_ends": _by_check(tables.receipt_ends, "at_ms", "check_id", "how", "by", "reason", "at_ms"),
    "metering": _by_check(tables.metering, "at_ms", "check_id", "at_ms", "consumer", "agent"),
    "outbox": _by_check(tables.outbox, "created_ms", "check_id", "kind", "created_ms", "attempts", "dead_ms"),
    "challenges": _by_subject(
        tables.challenges,
        "opened_ms",
        *("challenge_id", "check_id", "method", "state", "consumer", "agent", "opened_ms", "closed_ms", "code"),
    ),
    "watches": _by_subject(
        tables.watches,
        "opened_ms",
        *("watch_id", "consumer", "agent", "action_type", "purpose", "every_s", "state", "opened_ms", "expires_ms"),
        *("looks", "looked_ms", "check_id", "closed_ms", "code"),
    ),
    "reviews": _by_subject(
        tables.reviews,
        "opened_ms",
        *("review_id", "check_id", "state", "requested_by", "requested_agent", "opened_ms", "closed_ms"),
        *("closed_by", "ruling", "code", "justification", "reason"),
    ),
    "consents": _by_subject(
        tables.consents,
        "recorded_ms",
        *("consent_id", "version", "state", "purpose", "signals", "jurisdiction", "notice_version", "method"),
        *("channel", "given_ms", "expires_ms", "recorded_ms", "recorded_by"),
    ),
    "subject_standings": _by_subject(tables.subject_standings, "subject", "paused_ms", "objected_ms"),
    "subject_requests": _by_subject(
        tables.subject_requests,
        "opened_ms",
        *("request_id", "kind", "state", "about", "opened_ms", "opened_by", "due_ms", "proven_ms", "proven_by"),
        *("vouched_by", "closed_ms", "closed_by", "code", "sealed"),
    ),
    "erasures": _by_subject(tables.erasures, "erased_ms", "erasure_id", "erased_ms", "erased_by", "cleared_ms"),
    "subject_changes": _by_subject(tables.subject_changes, "at_ms", "change_id", "kind", "ref", "at_ms"),
}
"""What is told of each table about a subject of a tenant, newest first, ``rows`` of them after ``skip``."""

LEFT_OUT: Mapping[str, str] = {
    "evidence": "told with the checks that it belongs to",
    "subject_keys": "keys that open what is told here; they say nothing themselves",
    "idempotency": "a copy of the answer to a check, sealed, for a day at most",
    "intents": "a check that is under way, for seconds; told once it has settled",
    "open_prompts": "which of the challenges told here is on the person's phone now, for minutes",
    "pending_authentications": "a question that an operator puts to the person now, under a digest, for minutes",
    "log_leaves": "ids, codes and keyed digests of what is told here, for good: so nobody can change it unseen",
}
"""Tables that hold something about people and are not told by themselves, each with its reason."""

OF_NOBODY = frozenset(
    {
        *(
            "api_keys",
            "budgets",
            "clients",
            "disclosure_grants",
            "tenants",
            "tenant_keys",
            "trusted_issuers",
            "used_ids",
            "webhooks",
        ),
        *("policy_changes", "policy_heads", "policy_stops", "policy_versions", "rule_texts"),
        *("shadow_runs", "shadow_tallies", "refusals", "retention_marks", "root_key"),
        *("log_checkpoints", "log_cosignatures", "log_head", "log_tiles"),
    }
)
"""Tables about tenants, callers, rules and the log as a whole: no row of theirs belongs to a person."""
