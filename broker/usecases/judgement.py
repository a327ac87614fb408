"""What every settling has in common: the judgement of evidence, the leaf of the log, the receipt."""

from datetime import datetime

import msgspec

from broker.audit import leaf as log
from broker.audit.receipts import Receipt
from broker.domain.decision import ActionClass, Assessment, Challenger, Counterfactual, Decision, Floor
from broker.domain.evidence import Evidence
from broker.domain.record import Check
from broker.domain.tenancy import is_sandbox
from broker.policy.compare import Ruled
from broker.policy.counterfactual import counterfactual
from broker.policy.mixture import challenge
from broker.policy.what_if import WhatIf
from broker.privacy.vault import SubjectKey


class Judgement(msgspec.Struct, frozen=True):
    """What the evidence weighs, what to do about it, what would have changed that, and what the challenger thinks.

    ``calibrated`` says whether outcomes, and not the published table alone, are behind the probability.
    """

    assessment: Assessment
    decision: Decision
    counterfactual: Counterfactual | None
    challenger: Challenger
    calibrated: bool


def judge(
    ruled: Ruled,
    action_class: ActionClass,
    floors: tuple[Floor, ...],
    evidence: Evidence,
    now: datetime,
) -> Judgement:
    """Hops 9 and 10: score the evidence as it is at ``now``, and decide."""
    document, table = ruled
    rules = document.rules(action_class)
    what_if = WhatIf(table, document, rules, now, floors)
    assessment = what_if.assess(evidence)
    decision = what_if.decide(evidence, assessment)
    return Judgement(
        assessment=assessment,
        decision=decision,
        counterfactual=counterfactual(what_if, evidence, assessment, decision),
        challenger=challenge(table, rules.prior, evidence),
        calibrated=table.calibration.of(action_class).calibrated,
    )


def leaf_of(check: Check, key: SubjectKey) -> log.LeafBody:
    """What the log says about a check at this revision. The commitment is keyed by ``key``."""
    payload = msgspec.json.encode((check.subject, check.action, check.evidence, check.assessment))
    last = check.revisions[-1] if check.revisions else None
    return log.LeafBody(
        check=check.id,
        tenant=check.tenant,
        status=check.status,
        consumer=check.consumer,
        agent=check.agent,
        action_type=check.action.type,
        action_digest=check.action_digest,
        action_class=check.action_class.wire,
        policy=f"{check.policy_id}@{check.policy_version}",
        outcome=check.decision.outcome.wire,
        reasons=tuple(reason.code for reason in check.decision.reasons),
        gates=check.decision.gates,
        commitment=log.b64url(key.commitment(payload)),
        at=check.settled_at,
        revision=check.revision if last else msgspec.UNSET,
        cause=last.cause.value if last else msgspec.UNSET,
        by=last.by if last else msgspec.UNSET,
        sandbox=is_sandbox(check.tenant) or msgspec.UNSET,
    )


def receipt_of(check: Check, salt: bytes, issuer: str) -> Receipt:
    """What a receipt says about a check at this revision; ``salt`` is that of its action digest."""
    return Receipt(
        iss=issuer,
        aud=check.tenant,
        sub=check.subject,
        jti=entry_name(check),
        iat=int(check.settled_at.timestamp()),
        exp=int(check.valid_until.timestamp()),
        tenant=check.tenant,
        consumer=check.consumer,
        agent=check.agent,
        check=check.id,
        action=check.action.type,
        action_digest=check.action_digest,
        action_salt=log.b64url(salt),
        decision=check.decision.outcome.wire,
        policy=check.policy_id,
        policy_version=check.policy_version,
        leaf=check.leaf,
    )


def entry_name(check: Check) -> str:
    """The name of a check at this revision, in the log and as its receipt's ``jti``: ``chk_…``, then ``chk_….1``."""
    return entry_of(check.id, check.revision)


def entry_of(check_id: str, revision: int) -> str:
    """As :func:`entry_name`, from the parts."""
    return f"{check_id}.{revision}" if revision else check_id
