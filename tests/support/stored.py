"""Records to store in tests: valid in every field, with the fields that a test is about given by name."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from broker.domain.outcome import OutcomeReport, TurnedOut
from broker.storage.records import ApiKey, CheckCommit, IdempotencyClaim, Intent

TENANT = "acme"


def an_intent(check_id: str = "chk_1", **changes: Any) -> Intent:
    """An intent that is to be abandoned at 5,000 ms."""
    return msgspec.structs.replace(Intent(TENANT, check_id, 1_000, 5_000), **changes)


def a_claim(check_id: str = "chk_1", **changes: Any) -> IdempotencyClaim:
    """A claim made at 1,000 ms, leased until 2,000 and kept until 9,000."""
    claim = IdempotencyClaim(TENANT, "/v1/trust-checks", "key-1", b"print", check_id, 1_000, 2_000, 9_000)
    return msgspec.structs.replace(claim, **changes)


def a_commit(check_id: str = "chk_1", **changes: Any) -> CheckCommit:
    """A settled check whose payloads name it, so that a mix-up of two would show."""
    commit = CheckCommit(
        tenant=TENANT,
        check_id=check_id,
        status="settled",
        consumer="wallet",
        agent="agent-7",
        key_id="k1",
        subject=b"pseudonym",
        conversation_id="c-123",
        action_type="payment.transfer",
        action_digest=b"digest",
        action_class="high",
        policy_id="payment",
        policy_version=7,
        decision="step_up",
        verdict="unknown",
        trust_score=512,
        amount="950.00",
        currency="EUR",
        started_ms=1_000,
        settled_ms=1_200,
        record=f"record of {check_id}".encode(),
        evidence=f"evidence of {check_id}".encode(),
        leaf_hash=f"hash of {check_id}".encode(),
        leaf_body=f"leaf of {check_id}".encode(),
    )
    return msgspec.structs.replace(commit, **changes)


def an_answered_commit(claim: IdempotencyClaim, **changes: Any) -> CheckCommit:
    """The commit of a claim's check, with the answer for whoever repeats the request."""
    answer = f"answer of {claim.check_id}".encode()
    return a_commit(claim.check_id, tenant=claim.tenant, claim=claim, response=answer, **changes)


def an_outcome(check_id: str = "chk_1", **changes: Any) -> OutcomeReport:
    """A report of fraud, found at 2,000 ms and told at 3,000."""
    found_at, reported_at = (datetime.fromtimestamp(seconds, UTC) for seconds in (2, 3))
    report = OutcomeReport(TENANT, check_id, TurnedOut.FRAUD, found_at, reported_at, "wallet", "k1")
    return msgspec.structs.replace(report, **changes)


def a_key(key_id: str = "k1", **changes: Any) -> ApiKey:
    """A key with two scopes that neither expires nor is revoked."""
    key = ApiKey(TENANT, key_id, "wallet", None, bytes(range(32)), ("trust:check", "trust:explain"), 1_000)
    return msgspec.structs.replace(key, **changes)
