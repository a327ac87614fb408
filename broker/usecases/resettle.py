"""Settle a check again: with what came since it settled, under the rules that it was decided by.

Callers are completed challenges, reviews, late answers and network events. Nothing is overwritten: what the check was
stays in its history, and every revision has a leaf of its own in the log.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from broker.audit import leaf as log
from broker.audit.receipts import ReceiptSigner
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.domain.check import Principal
from broker.domain.event import Event
from broker.domain.evidence import Evidence
from broker.domain.record import Cause, Check, HumanRuling, Proof, Revision
from broker.domain.signal import Signal, SignalName
from broker.errors import Conflict, NotFound
from broker.events.compose import Composer
from broker.policy.compare import Ruled
from broker.policy.decide import halted
from broker.policy.reasons import ReasonCode
from broker.policy.revise import revised
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import SubjectKey, Vault
from broker.storage.records import RevisionCommit
from broker.storage.revision_store import RevisionStore
from broker.usecases.events.happenings import revised_event
from broker.usecases.judgement import entry_name, judge, leaf_of, receipt_of
from broker.usecases.learning.open_checks import OpenChecks, evidence_use, record_use
from broker.usecases.policy.policies_in_force import PoliciesInForce
from broker.usecases.policy.recorded_rules import RecordedRules
from broker.usecases.step_up.find_ways import FindWays

REVISIONS_MAX = 20
_TRIES = 3


class Superseded(Conflict):
    """The check has settled again since whoever changes it looked at it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What came since: why, ``by`` which challenge, review or event (its id), and what it adds.

    ``signals`` take the place of signals of the same name, and ``consents`` are what they rest on. A change is applied
    once, however often it is handed in.
    """

    cause: Cause
    by: str
    signals: tuple[Signal, ...] = ()
    consents: Mapping[SignalName, str] = {}
    proof: Proof | None = None
    ruling: HumanRuling | None = None


class ResettleTools(msgspec.Struct, frozen=True):
    """What settling again works with, built once by ``bootstrap``."""

    clock: Clock
    checks: OpenChecks
    revisions: RevisionStore
    rules: RecordedRules
    policies: PoliciesInForce
    gate: ConsentGate
    pseudonyms: Pseudonyms
    vault: Vault
    signer: ReceiptSigner
    compose: Composer
    stir: Callable[[str, str], None]
    ways: FindWays


class Resettle:
    """The tail of a check for whatever brings something new to it."""

    def __init__(self, tools: ResettleTools) -> None:
        self._tools = tools

    async def __call__(self, tenant: str, check_id: str, change: Change, *, seen: int | None = None) -> Check:
        """The check as it is with the change, durable when this returns. Handing in the same change again is harmless.

        Args:
            tenant: whose check it is; a check of another tenant does not exist.
            check_id: the check.
            change: what is new.
            seen: the revision that the change is about; without it the change goes on top of whatever is there.

        Raises:
            NotFound: no such check, or its rules are not kept.
            Superseded: it is at another revision than ``seen``.
            Conflict: it has changed too often, or keeps changing.
            Erased: the person was erased since.
            Unrecorded, Overloaded: nothing was written; try again.
        """
        for _ in range(_TRIES):
            check = await self._read(tenant, check_id)
            if any((one.cause, one.by) == (change.cause, change.by) for one in check.revisions):
                return check
            if seen is not None and check.revision != seen:
                raise Superseded("this check has settled again since it was looked at: look at it once more")
            if check.revision >= REVISIONS_MAX:
                raise Conflict("this check has settled again often enough: ask anew")
            changed = await self._changed(check, change)
            if changed is not None:
                self._tools.stir(tenant, check_id)
                return changed
        raise Conflict("this check keeps changing: try again in a moment")

    async def _read(self, tenant: str, check_id: str) -> Check:
        stored = await self._tools.checks.find_check(tenant, check_id)
        if stored is None or not stored.record:
            raise NotFound("no such check")
        check = msgspec.json.decode(stored.record, type=Check)
        return msgspec.structs.replace(check, evidence=msgspec.json.decode(stored.evidence, type=Evidence))

    async def _changed(self, check: Check, change: Change) -> Check | None:
        """The check one revision on; ``None`` where somebody else was quicker."""
        tools = self._tools
        now = tools.clock.now()
        key = await tools.vault.key(check.tenant, bytes.fromhex(check.subject))
        settled = await self._settled(check, change, now)
        leaf_body = log.encode(leaf_of(settled, key))
        settled = msgspec.structs.replace(settled, leaf=log.b64url(log.leaf_hash(leaf_body)))
        salt = tools.pseudonyms.salt(check.tenant, check.id)
        receipt = tools.signer.sign(receipt_of(settled, salt, tools.signer.issuer))
        settled = msgspec.structs.replace(settled, receipt=receipt)
        if not await tools.revisions.add(_commit(settled, leaf_body, key, revised_event(tools.compose, settled))):
            return None
        tools.vault.written(key)
        return settled

    async def _settled(self, check: Check, change: Change, now: datetime) -> Check:
        document, table = await self._tools.rules(check)
        evidence = _merged(check.evidence, change.signals)
        proofs = check.proofs if change.proof is None else (*check.proofs, change.proof)
        ruling = change.ruling or check.ruling
        judgement = judge(Ruled(document, table), check.action_class, check.floors, evidence, now)
        stop = await self._stop(check)
        decision = judgement.decision if stop is None else halted(judgement.decision)
        decision = revised(decision, proofs, ruling)
        return msgspec.structs.replace(
            check,
            evidence=evidence,
            # What it was planned on stands: only then was the country of the number known.
            bases=self._bases(check, change.signals) | check.bases,
            consents=check.consents | dict(change.consents),
            assessment=judgement.assessment,
            decision=decision,
            counterfactual=judgement.counterfactual,
            challenger=judgement.challenger,
            calibrated=judgement.calibrated,
            settled_at=now,
            valid_until=self._tools.signer.valid_until(now),
            stop=stop,
            proofs=proofs,
            ruling=ruling,
            ways=self._tools.ways(decision, evidence, check.route, check.purpose, now, forbidden=_forbidden(check)),
            revisions=(*check.revisions, Revision(change.cause, change.by, now, check.decision.outcome)),
        )

    async def _stop(self, check: Check) -> str | None:
        """The stop in force now; one that halted the check before halts it still, for it was never allowed."""
        if check.stop is not None:
            return check.stop
        asker = Principal(check.tenant, check.consumer, check.agent, frozenset(), check.key_id)
        governing = await self._tools.policies.of(check.tenant)
        stop = governing.stopping(asker, check.action.known(), check.policy_id)
        return None if stop is None else stop.stop_id

    def _bases(self, check: Check, signals: tuple[Signal, ...]) -> dict[SignalName, str]:
        bases = {signal.name: self._tools.gate.basis(check.purpose, signal.name) for signal in signals}
        return {name: str(basis) for name, basis in bases.items() if basis is not None}


def _forbidden(check: Check) -> bool:
    """Whether the person forbade to prove anything when the check settled last: nobody has asked them since."""
    codes = {one.code for one in check.ways.withheld} if check.ways else set()
    return ReasonCode.NOT_CONSENTED.value in codes


def _merged(evidence: Evidence, signals: tuple[Signal, ...]) -> Evidence:
    new = {signal.name for signal in signals}
    return Evidence.of([*(signal for signal in evidence.signals if signal.name not in new), *signals])


def _commit(check: Check, leaf_body: bytes, key: SubjectKey, event: Event) -> RevisionCommit:
    record = msgspec.json.encode(msgspec.structs.replace(check, evidence=Evidence(())))
    return RevisionCommit(
        tenant=check.tenant,
        check_id=check.id,
        revision=check.revision,
        decision=check.decision.outcome.wire,
        verdict=check.decision.verdict,
        trust_score=check.assessment.trust_score,
        settled_ms=int(check.settled_at.timestamp() * 1000),
        record=key.seal(record_use(check.id), record),
        evidence=key.seal(evidence_use(check.id), msgspec.json.encode(check.evidence)),
        entry=entry_name(check),
        leaf_hash=log.leaf_hash(leaf_body),
        leaf_body=leaf_body,
        subject_key=key.unwritten,
        event=event,
    )
