"""Settle a check: weigh the evidence, decide, record, sign. The tail of every check, whatever brought its evidence."""

from datetime import datetime

import msgspec

from broker.audit import leaf as log
from broker.audit.action_digest import action_digest
from broker.audit.receipts import ReceiptSigner
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.domain.cost import CheckCost
from broker.domain.evidence import Evidence
from broker.domain.record import Check, CheckStatus
from broker.domain.signal import SignalName
from broker.events.compose import Composer
from broker.policy.decide import halted
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import SubjectKey, Vault
from broker.routing.country import country_of
from broker.storage.records import CheckCommit
from broker.storage.store import Store
from broker.usecases.events.happenings import settled_event
from broker.usecases.judgement import Judgement, judge, leaf_of, receipt_of
from broker.usecases.learning.open_checks import answer_use, evidence_use, record_use
from broker.usecases.marks import conversation_mark, recorded
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.policies_in_force import PoliciesInForce
from broker.usecases.ports import Case
from broker.usecases.step_up.find_ways import FindWays


class SettleTools(msgspec.Struct, frozen=True):
    """What settling works with, built once by ``bootstrap``."""

    clock: Clock
    rulebook: Rulebook
    policies: PoliciesInForce
    gate: ConsentGate
    pseudonyms: Pseudonyms
    vault: Vault
    signer: ReceiptSigner
    store: Store
    compose: Composer
    ways: FindWays


class Settle:
    """Hops 9 to 12."""

    def __init__(self, tools: SettleTools) -> None:
        self._tools = tools

    async def __call__(
        self, case: Case, evidence: Evidence, cost: CheckCost | None = None, *, wait_s: float
    ) -> tuple[Check, bytes]:
        """The settled check and its bytes for the caller, durable when this returns, within ``wait_s`` seconds.

        ``cost`` is that of the evidence.

        The receipt is signed before the commit and leaves only after it: what was never recorded was never released.

        Raises:
            Unrecorded, Overloaded: no record could be written, so there is no decision.
        """
        tools = self._tools
        principal, action = case.asked.principal, case.asked.request.action
        # Asked again here, for the stop may have come while operators were asked.
        stop = (await tools.policies.of(principal.tenant)).stopping(principal, action, case.document.id)
        now = tools.clock.now()
        # (9) Score, (10) decide, (11) offer.
        judgement = judge(tools.rulebook.ruled(case.document), case.plan.action_class, case.floors, evidence, now)
        if stop is not None:
            judgement = msgspec.structs.replace(judgement, decision=halted(judgement.decision))
            case = msgspec.structs.replace(case, stop=stop.stop_id)
        # (12) Commit.
        key = await tools.vault.key(principal.tenant, case.subject)
        check, leaf_body = self._compose(case, evidence, judgement, cost, now, key)
        body = case.asked.render(check)
        await tools.store.settle(self._commit(case, check, leaf_body, body, key), wait_s)
        tools.vault.written(key)
        return check, body

    def _compose(
        self,
        case: Case,
        evidence: Evidence,
        judgement: Judgement,
        cost: CheckCost | None,
        now: datetime,
        key: SubjectKey,
    ) -> tuple[Check, bytes]:
        request, principal, decision = case.asked.request, case.asked.principal, judgement.decision
        salt = self._tools.pseudonyms.salt(principal.tenant, case.id)
        check = Check(
            id=case.id,
            tenant=principal.tenant,
            consumer=principal.consumer,
            agent=principal.agent,
            key_id=principal.key_id,
            subject=case.subject.hex(),
            action=recorded(request.action, principal.tenant, self._tools.pseudonyms),
            action_digest=log.b64url(action_digest(request.action, salt)),
            purpose=request.purpose,
            conversation_id=conversation_mark(request.conversation_id, principal.tenant, self._tools.pseudonyms),
            policy_id=case.plan.policy_id,
            policy_version=case.plan.policy_version,
            action_class=case.plan.action_class,
            operator=next(iter(case.route.sources), None),
            bases=self._bases(case, evidence),
            consents=dict(case.consents),
            evidence=evidence,
            assessment=judgement.assessment,
            decision=decision,
            calibrated=judgement.calibrated,
            counterfactual=judgement.counterfactual,
            challenger=judgement.challenger,
            cost=cost,
            started_at=case.started_at,
            settled_at=now,
            floors=case.floors,
            carried=_carried(case, evidence),
            valid_until=self._tools.signer.valid_until(now),
            leaf="",
            receipt="",
            policy_digest=case.document.digest,
            table_digest=self._tools.rulebook.table_digest,
            stop=case.stop,
            route=case.route,
            channel=request.channel,
            delegation=principal.delegation,
            ways=self._tools.ways(decision, evidence, case.route, request.purpose, now, forbidden=case.forbidden),
        )
        leaf_body = log.encode(leaf_of(check, key))
        check = msgspec.structs.replace(check, leaf=log.b64url(log.leaf_hash(leaf_body)))
        receipt = self._tools.signer.sign(receipt_of(check, salt, self._tools.signer.issuer))
        return msgspec.structs.replace(check, receipt=receipt), leaf_body

    def _bases(self, case: Case, evidence: Evidence) -> dict[SignalName, str]:
        request, gate = case.asked.request, self._tools.gate
        country = country_of(request.subject.phone) if gate.minds_countries else None
        bases = {signal.name: gate.basis(request.purpose, signal.name, country) for signal in evidence.signals}
        return {name: str(basis) for name, basis in bases.items() if basis is not None}

    def _commit(self, case: Case, check: Check, leaf_body: bytes, body: bytes, key: SubjectKey) -> CheckCommit:
        claim = case.claim
        record = msgspec.json.encode(msgspec.structs.replace(check, evidence=Evidence(())))
        return CheckCommit(
            tenant=check.tenant,
            check_id=check.id,
            status=CheckStatus.SETTLED,
            consumer=check.consumer,
            agent=check.agent,
            key_id=check.key_id,
            subject=case.subject,
            conversation_id=check.conversation_id,
            action_type=check.action.type,
            action_digest=case.mark,
            action_class=check.action_class.wire,
            policy_id=check.policy_id,
            policy_version=check.policy_version,
            decision=check.decision.outcome.wire,
            verdict=check.decision.verdict,
            trust_score=check.assessment.trust_score,
            amount=str(check.action.amount.value) if check.action.amount else None,
            currency=check.action.amount.currency if check.action.amount else None,
            started_ms=int(check.started_at.timestamp() * 1000),
            settled_ms=int(check.settled_at.timestamp() * 1000),
            record=key.seal(record_use(check.id), record),
            evidence=key.seal(evidence_use(check.id), msgspec.json.encode(check.evidence)),
            leaf_body=leaf_body,
            leaf_hash=log.leaf_hash(leaf_body),
            claim=claim,
            response=key.seal(answer_use(check.id), body) if claim else None,
            subject_key=key.unwritten,
            calls=msgspec.json.encode(case.calls),
            event=settled_event(self._tools.compose, check),
        )


def _carried(case: Case, evidence: Evidence) -> dict[SignalName, str]:
    """Which signals an earlier check of the conversation heard, as far as they are in the evidence still."""
    if case.carried is None or evidence.get(case.carried.possession.name) != case.carried.possession:
        return {}
    return {case.carried.possession.name: case.carried.check_id}
