"""Bring versions of policies in force, and back: one person for what is no looser, two and a delay for what is."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.governance import ChangeKind, ChangeState, PolicyChange, PolicyVersion
from broker.errors import Conflict, Fault, InvalidRequest, Misconfigured, NotFound, NotPermitted
from broker.policy.book import PolicyBook
from broker.policy.compare import compare
from broker.policy.compared import Change, Difference, Direction
from broker.policy.document import PolicyDocument
from broker.storage import policy_store
from broker.storage.policy_store import PolicyStore
from broker.storage.unit_of_work import Step
from broker.usecases.policy.examine_policy import DifferenceView, Examination, Rulebook, examine, shown
from broker.usecases.policy.policies_in_force import InForce, PoliciesInForce, digest_of, entry
from broker.usecases.policy.policy_views import (
    ChangeOut,
    ChangesOut,
    DocumentOut,
    PoliciesOut,
    PolicyOut,
    change_view,
    version_view,
)
from broker.usecases.policy.try_policies import read_candidate

_SENT = "the document sent"
_NEW = Difference(Direction.LOOSER, (Change("id", Direction.LOOSER, "a policy of this name is new"),))


class GovernTools(msgspec.Struct, frozen=True):
    """What governing works with, built once by ``bootstrap``."""

    clock: Clock
    new_id: Callable[[str], str]
    rulebook: Rulebook
    policies: PoliciesInForce
    store: PolicyStore


class GovernPolicies:
    """The life of policy documents of one's own tenant.

    Persons are told apart by the consumer of their credential; one with an agent is no person and changes nothing.
    """

    def __init__(self, tools: GovernTools) -> None:
        self._tools = tools

    async def overview(self, principal: Principal) -> PoliciesOut:
        """All policies with their versions."""
        authorize.require(principal, authorize.POLICY_READ)
        state = await self._tools.policies.of(principal.tenant)
        versions = await self._tools.store.versions(principal.tenant)
        documents = state.book.documents
        return PoliciesOut(
            state.revision,
            tuple(
                PolicyOut(
                    id=name,
                    in_force=documents[name].version if name in documents else None,
                    actions=tuple(sorted(documents[name].actions)) if name in documents else (),
                    versions=tuple(version_view(one) for one in versions if one.policy_id == name),
                )
                for name in sorted({one.policy_id for one in versions})
            ),
        )

    async def text(self, principal: Principal, policy_id: str, version: int) -> DocumentOut:
        """The text of one version.

        Raises:
            NotFound: there is none.
        """
        authorize.require(principal, authorize.POLICY_READ)
        await self._tools.policies.of(principal.tenant)
        found = await self._version(principal.tenant, policy_id, version)
        text = await self._text(principal.tenant, found.digest)
        return DocumentOut(policy_id, version, found.digest.hex(), text)

    async def validate(self, principal: Principal, text: str) -> Examination:
        """Whether a document may be published, with everything that speaks against it."""
        authorize.require(principal, authorize.POLICY_READ)
        return await asyncio.to_thread(examine, self._tools.rulebook, text, _SENT)

    async def diff(self, principal: Principal, text: str) -> DifferenceView:
        """What a document would change against the version of its policy that is in force."""
        authorize.require(principal, authorize.POLICY_READ)
        state = await self._tools.policies.of(principal.tenant)
        return shown(await self._difference(state, await read_candidate(self._tools.rulebook, text)))

    async def changes(self, principal: Principal) -> ChangesOut:
        """Publications and rollbacks, latest first."""
        authorize.require(principal, authorize.POLICY_READ)
        await self._tools.policies.of(principal.tenant)
        return ChangesOut(tuple(map(change_view, await self._tools.store.changes(principal.tenant))))

    async def publish(self, principal: Principal, text: str) -> ChangeOut:
        """Add a version and bring it in force: at once, or, where it is looser, when a second person approved it.

        Raises:
            InvalidRequest: the document is not valid, with each fault; or another policy governs one of its actions.
            Conflict: the version is not above all that there are.
        """
        _require_person(principal, authorize.POLICY_PUBLISH)
        document = await read_candidate(self._tools.rulebook, text)
        state = await self._tools.policies.of(principal.tenant)
        versions = await self._tools.store.versions(principal.tenant)
        highest = max((one.version for one in versions if one.policy_id == document.id), default=0)
        if document.version <= highest:
            raise Conflict(
                f"{document.id} version {highest} is stored, and versions never change: send version {highest + 1}"
            )
        _require_fit(state, document)
        digest, now_ms = digest_of(text), _ms(self._tools.clock.now())
        version = PolicyVersion(principal.tenant, document.id, document.version, digest, principal.consumer, now_ms)
        steps = [policy_store.add_text(principal.tenant, digest, text, now_ms), policy_store.add_version(version)]
        return await self._request(principal, state, document, digest, ChangeKind.PUBLISH, steps)

    async def rollback(self, principal: Principal, policy_id: str, version: int) -> ChangeOut:
        """Bring an earlier version in force again, by the rule of :meth:`publish`: going back may loosen, too.

        Raises:
            NotFound: there is no such version.
            Conflict: it is in force.
        """
        _require_person(principal, authorize.POLICY_PUBLISH)
        state = await self._tools.policies.of(principal.tenant)
        found = await self._version(principal.tenant, policy_id, version)
        if version == _version_in_force(state, policy_id):
            raise Conflict(f"{policy_id} version {version} is in force")
        text = await self._text(principal.tenant, found.digest)
        document = await read_candidate(self._tools.rulebook, text)
        _require_fit(state, document)
        return await self._request(principal, state, document, found.digest, ChangeKind.ROLLBACK, [])

    async def approve(self, principal: Principal, change_id: str) -> ChangeOut:
        """Approve somebody else's looser change; it comes in force after the delay.

        Raises:
            NotPermitted: it is the caller's own.
            Conflict: it is decided already, or another version came in force since it was requested.
        """
        _require_person(principal, authorize.POLICY_APPROVE)
        state, change = await self._pending(principal, change_id)
        if change.requested_by == principal.consumer:
            raise NotPermitted("a looser policy needs a second person: somebody other than who requested it")
        if _version_in_force(state, change.policy_id) != change.base_version:
            raise Conflict("another version came in force since this was requested: withdraw it and request it again")
        now_ms = _ms(self._tools.clock.now())
        await self._require_fit_with_waiting(state, change, now_ms)
        return await self._decide(
            principal,
            state,
            msgspec.structs.replace(
                change,
                state=ChangeState.APPROVED,
                decided_by=principal.consumer,
                decided_ms=now_ms,
                effective_ms=now_ms + self._tools.policies.pace.loosening_delay_s * 1000,
                place=state.revision,
            ),
            "policy.approve",
        )

    async def withdraw(self, principal: Principal, change_id: str) -> ChangeOut:
        """Give up a change that is pending."""
        _require_person(principal, authorize.POLICY_PUBLISH)
        state, change = await self._pending(principal, change_id)
        now_ms = _ms(self._tools.clock.now())
        withdrawn = msgspec.structs.replace(
            change, state=ChangeState.WITHDRAWN, decided_by=principal.consumer, decided_ms=now_ms
        )
        return await self._decide(principal, state, withdrawn, "policy.withdraw")

    async def _request(
        self,
        principal: Principal,
        state: InForce,
        document: PolicyDocument,
        digest: bytes,
        kind: ChangeKind,
        steps: Sequence[Step],
    ) -> ChangeOut:
        found = await self._difference(state, document)
        now_ms = _ms(self._tools.clock.now())
        change = PolicyChange(
            tenant=principal.tenant,
            change_id=self._tools.new_id("pch"),
            policy_id=document.id,
            version=document.version,
            base_version=_version_in_force(state, document.id),
            kind=kind,
            direction=found.direction.value,
            state=ChangeState.PENDING,
            requested_by=principal.consumer,
            requested_ms=now_ms,
        )
        if not found.needs_second_person:
            change = msgspec.structs.replace(
                change,
                state=ChangeState.APPROVED,
                decided_by=principal.consumer,
                decided_ms=now_ms,
                effective_ms=now_ms,
                place=state.revision,
            )
        about = f"{document.id}@{document.version} {change.state}"
        leaf = entry(
            change.change_id, change.tenant, f"policy.{kind}", about, digest, principal.consumer, self._tools.clock
        )
        await self._tools.store.amend(change.tenant, state.revision, [*steps, policy_store.add_change(change)], [leaf])
        await self._tools.policies.look_again()
        return change_view(change, shown(found).changes)

    async def _decide(self, principal: Principal, state: InForce, change: PolicyChange, event: str) -> ChangeOut:
        about = f"{change.policy_id}@{change.version} {change.change_id}"
        event_id = self._tools.new_id("pev")
        leaf = entry(event_id, change.tenant, event, about, None, principal.consumer, self._tools.clock)
        await self._tools.store.amend(change.tenant, state.revision, [policy_store.decide_change(change)], [leaf])
        await self._tools.policies.look_again()
        return change_view(change)

    async def _pending(self, principal: Principal, change_id: str) -> tuple[InForce, PolicyChange]:
        state = await self._tools.policies.of(principal.tenant)
        change = next((one for one in state.changes if one.change_id == change_id), None)
        if change is None:
            raise NotFound("there is no such change")
        if change.state is not ChangeState.PENDING:
            raise Conflict(f"this change is {change.state} already")
        return state, change

    async def _require_fit_with_waiting(self, state: InForce, change: PolicyChange, now_ms: int) -> None:
        """Defensive: two versions that fit what is in force, and not each other, would leave nothing that governs."""
        waiting = {
            one.policy_id: one
            for one in sorted(state.changes, key=lambda one: one.place or 0)
            if one.state is ChangeState.APPROVED and (one.effective_ms or 0) > now_ms
        }
        documents = {one.policy_id: await self._document(one) for one in (*waiting.values(), change)}
        _require_fit(state, documents[change.policy_id])
        try:
            PolicyBook({**state.book.documents, **documents}.values())
        except Misconfigured as error:
            raise Conflict(f"this clashes with a version that is approved and waits: {error}") from error

    async def _document(self, change: PolicyChange) -> PolicyDocument:
        digest = (await self._version(change.tenant, change.policy_id, change.version)).digest
        return self._tools.policies.read(digest, await self._text(change.tenant, digest))

    async def _difference(self, state: InForce, document: PolicyDocument) -> Difference:
        current = state.book.documents.get(document.id)
        if current is None:
            return _NEW
        rulebook = self._tools.rulebook
        return await asyncio.to_thread(compare, rulebook.ruled(current), rulebook.ruled(document))

    async def _version(self, tenant: str, policy_id: str, version: int) -> PolicyVersion:
        for one in await self._tools.store.versions(tenant):
            if (one.policy_id, one.version) == (policy_id, version):
                return one
        raise NotFound("there is no such version of a policy")

    async def _text(self, tenant: str, digest: bytes) -> str:
        texts = await self._tools.store.texts(tenant, [digest])
        if digest not in texts:
            raise NotFound("the text of this version is not kept")
        return texts[digest]


def _require_person(principal: Principal, scope: str) -> None:
    authorize.require(principal, scope)
    # Defensive: an agent that could loosen what it is judged by would be judged by nothing.
    if principal.agent is not None:
        raise NotPermitted("policies are changed by people: use a credential without an agent")


def _require_fit(state: InForce, document: PolicyDocument) -> None:
    others = [one for one in state.book.documents.values() if one.id != document.id]
    try:
        PolicyBook([*others, document])
    except Misconfigured as error:
        raise InvalidRequest("the document clashes with another policy", [Fault("/document", str(error))]) from error


def _version_in_force(state: InForce, policy_id: str) -> int | None:
    document = state.book.documents.get(policy_id)
    return document.version if document else None


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
