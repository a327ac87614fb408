"""The tables, once. Every statement of both back ends is compiled from them, and the migrations are compared with them.

``tenant`` comes first in every primary key, so that a look-up cannot forget whose data it reads. Instants are integers:
milliseconds since the epoch, UTC. Only the log, one for all tenants, is keyed by places in it: :data:`log_leaves` and
:mod:`broker.storage.tables.proving`.
"""

from broker.storage.tables.asking import subject_requests
from broker.storage.tables.challenging import challenges, open_prompts, refusals
from broker.storage.tables.checking import (
    api_keys,
    check_revisions,
    checks,
    evidence,
    idempotency,
    intents,
    log_leaves,
    outcomes,
    tenants,
)
from broker.storage.tables.consuming import budgets, clients, metering, trusted_issuers, used_ids
from broker.storage.tables.disclosing import disclosure_grants
from broker.storage.tables.governing import (
    policy_changes,
    policy_heads,
    policy_stops,
    policy_versions,
    rule_texts,
    shadow_runs,
    shadow_tallies,
)
from broker.storage.tables.keeping import pending_authentications, root_key
from broker.storage.tables.privacy import consents, erasures, retention_marks, subject_changes, subject_standings
from broker.storage.tables.proving import log_checkpoints, log_cosignatures, log_head, log_tiles, receipt_ends
from broker.storage.tables.reviewing import reviews
from broker.storage.tables.schema import metadata, schema_revision
from broker.storage.tables.telling import outbox, webhooks
from broker.storage.tables.vault import subject_keys, tenant_keys
from broker.storage.tables.watching import watches

__all__ = [
    "api_keys",
    "budgets",
    "challenges",
    "check_revisions",
    "checks",
    "clients",
    "consents",
    "disclosure_grants",
    "erasures",
    "evidence",
    "idempotency",
    "intents",
    "log_checkpoints",
    "log_cosignatures",
    "log_head",
    "log_leaves",
    "log_tiles",
    "metadata",
    "metering",
    "open_prompts",
    "outbox",
    "outcomes",
    "pending_authentications",
    "policy_changes",
    "policy_heads",
    "policy_stops",
    "policy_versions",
    "receipt_ends",
    "refusals",
    "retention_marks",
    "reviews",
    "root_key",
    "rule_texts",
    "schema_revision",
    "shadow_runs",
    "shadow_tallies",
    "subject_changes",
    "subject_keys",
    "subject_requests",
    "subject_standings",
    "tenant_keys",
    "tenants",
    "trusted_issuers",
    "used_ids",
    "watches",
    "webhooks",
]
