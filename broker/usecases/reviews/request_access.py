"""A human's approval as AuthZEN has it: ask for it after a denial, see how it stands, and bring it to a new evaluation.

An approval is no grant. It is looked up, and held against who asks for what about whom, and against everything that has
happened since; its check decides (Access Request and Approval Profile, Draft 1, "Approval and Re-evaluation").
"""

import hmac
from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from broker.audit.action_digest import action_digest
from broker.audit.leaf import b64url
from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import CheckRequest, Principal
from broker.domain.decision import Outcome
from broker.domain.record import Check
from broker.errors import AccessRequestRefused, Conflict, NotFound
from broker.privacy.pseudonyms import Pseudonyms
from broker.step_up.offer import offer
from broker.usecases.audit.use_receipts import UseReceipts
from broker.usecases.reviews.review_checks import ReviewChecks
from broker.usecases.reviews.review_views import ReviewHandle
from broker.usecases.show_check import CheckReader, own_check

TaskStatus = Literal["pending", "approved", "denied", "expired", "cancelled", "failed"]


class RequestFault(StrEnum):
    """Why a request for access is not taken, in the profile's words."""

    NOT_REQUESTABLE = "not_requestable"
    EXPIRED_DENIAL = "expired_denial"
    INVALID_DENIAL_BINDING = "invalid_denial_binding"
    UNKNOWN_TASK = "unknown_task"
    INVALID_TASK_STATE = "invalid_task_state"


class Unusable(StrEnum):
    """Why an approval does not carry a new evaluation, in the profile's words."""

    APPROVAL_EXPIRED = "approval_expired"
    OUT_OF_SCOPE = "out_of_scope"
    POLICY_DENIED = "policy_denied"
    GRANT_PENDING = "grant_pending"
    APPROVAL_UNVERIFIABLE = "approval_unverifiable"


class AccessTask(msgspec.Struct, frozen=True):
    """How a request for access stands. ``approved_until`` is there where it was approved, and counts."""

    id: str
    status: TaskStatus
    expires_at: datetime
    approved_until: datetime | None = None


class AccessTools(msgspec.Struct, frozen=True):
    """What asking for access works with, built once by ``bootstrap``."""

    reviews: ReviewChecks
    checks: CheckReader
    receipts: UseReceipts
    pseudonyms: Pseudonyms
    clock: Clock


class RequestAccess:
    """Access requests of one's own denied evaluations. Their tasks are reviews, decided by somebody else."""

    def __init__(self, tools: AccessTools) -> None:
        self._tools = tools

    async def submit(
        self, principal: Principal, evaluation_id: str, asked: CheckRequest, expires_at: datetime, justification: str
    ) -> AccessTask:
        """Ask a human; asking again about the same evaluation gives the same task.

        Raises:
            NotPermitted: the caller lacks the scope.
            AccessRequestRefused: the denial is not this one, is not for a human to change, or is over.
            TooManyRequests: enough reviews about this person are waiting.
        """
        authorize.require(principal, authorize.CHECK)
        check = await self._own(principal, evaluation_id, RequestFault.INVALID_DENIAL_BINDING)
        until = next((step.expires_at for step in offer(check.decision, check.ways) if step.kind == "review"), None)
        if until is None:
            raise refused(RequestFault.NOT_REQUESTABLE, "this decision is not for a human to change")
        if not self._covers(check, asked) or expires_at != until:
            raise refused(RequestFault.INVALID_DENIAL_BINDING, "send subject, resource, action and denial as they were")
        if self._tools.clock.now() > until:
            raise refused(RequestFault.EXPIRED_DENIAL, "this denial is too old to act on: evaluate anew")
        try:
            handle, _ = await self._tools.reviews.request(principal, check.id, justification)
        except Conflict as error:
            raise refused(RequestFault.NOT_REQUESTABLE, str(error)) from error
        return await self._task(principal, handle)

    async def status(self, principal: Principal, task_id: str) -> AccessTask:
        """How a task stands.

        Raises:
            AccessRequestRefused: there is none, or it is not the caller's.
        """
        handle = await self._handle(principal, task_id)
        if handle is None:
            raise refused(RequestFault.UNKNOWN_TASK, "no such task")
        return await self._task(principal, handle)

    async def cancel(self, principal: Principal, task_id: str) -> AccessTask:
        """Take a request back: nobody is to look at it any more, and its evaluation stays a denial.

        Raises:
            AccessRequestRefused: there is none, it is not the caller's, or it is over.
        """
        try:
            withdrawn = await self._tools.reviews.withdraw(principal, task_id)
        except NotFound as error:
            raise refused(RequestFault.UNKNOWN_TASK, "no such task") from error
        except Conflict as error:
            raise refused(RequestFault.INVALID_TASK_STATE, str(error)) from error
        return await self._task(principal, withdrawn)

    async def approved(self, principal: Principal, approval_id: str, asked: CheckRequest) -> Check | Unusable:
        """The check that an approval has settled, if it is about this very question and holds still; else why not."""
        handle = await self._handle(principal, approval_id)
        if handle is None:
            return Unusable.APPROVAL_UNVERIFIABLE
        check = await self._own(principal, handle.check_id, RequestFault.UNKNOWN_TASK)
        if not self._covers(check, asked):
            return Unusable.OUT_OF_SCOPE
        if handle.status == "pending":
            return Unusable.GRANT_PENDING
        if handle.status != "approved" or check.decision.outcome is not Outcome.ALLOW:
            return Unusable.POLICY_DENIED
        standing = await self._tools.receipts.standing(principal, check.id)
        if standing.state in {"expired", "consumed"}:
            return Unusable.APPROVAL_EXPIRED
        return check if standing.state == "usable" else Unusable.POLICY_DENIED

    async def _task(self, principal: Principal, handle: ReviewHandle) -> AccessTask:
        if handle.status != "approved":
            return AccessTask(handle.id, handle.status, handle.expires_at)
        check = await self._own(principal, handle.check_id, RequestFault.UNKNOWN_TASK)
        if check.decision.outcome is Outcome.ALLOW:
            return AccessTask(handle.id, "approved", handle.expires_at, check.valid_until)
        # Not yet, or never: an approval of what the check said before it settled again counts for nothing.
        superseded = check.revision > 0
        return AccessTask(handle.id, "failed" if superseded else "pending", handle.expires_at)

    def _covers(self, check: Check, asked: CheckRequest) -> bool:
        """Whether a question is about the same person and the same action, to the letter."""
        subject = self._tools.pseudonyms.subject(check.tenant, asked.subject.phone).hex()
        digest = b64url(action_digest(asked.action, self._tools.pseudonyms.salt(check.tenant, check.id)))
        same = hmac.compare_digest(subject, check.subject) & hmac.compare_digest(digest, check.action_digest)
        return bool(same) and asked.purpose == check.purpose

    async def _own(self, principal: Principal, check_id: str, fault: RequestFault) -> Check:
        try:
            check = await own_check(self._tools.checks, principal, check_id)
        except NotFound as error:
            raise refused(fault, "no such evaluation") from error
        if (check.consumer, check.agent) != (principal.consumer, principal.agent):
            raise refused(fault, "no such evaluation")
        return check

    async def _handle(self, principal: Principal, review_id: str) -> ReviewHandle | None:
        """The caller's own review. Whoever reviews sees more elsewhere, and is nobody's requester here."""
        try:
            return await self._tools.reviews.handle_of(principal, review_id)
        except NotFound:
            return None


def refused(fault: RequestFault, detail: str) -> AccessRequestRefused:
    """The refusal with its fault as code."""
    return AccessRequestRefused(fault.value, detail)
