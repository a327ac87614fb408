"""Run a trust check: may this agent do this, for this number, now?"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.plan import Plan
from broker.domain.signal import SignalName, Unavailability
from broker.errors import BrokerError, Conflict, Fault, IdempotencyMismatch, InvalidRequest, NotPermitted
from broker.policy import plan as planning
from broker.policy.book import PolicyBook
from broker.policy.document import PolicyDocument
from broker.privacy.pseudonyms import Pseudonyms
from broker.routing.router import Router
from broker.signals.gather import Errand, Gatherer
from broker.storage.records import IdempotencyClaim, Intent, Mismatch, Replay, Running
from broker.storage.store import Store
from broker.usecases.ports import Answered, Asked, Case
from broker.usecases.settle import Settle

_LEASE_EXTRA_MS = 10_000
_ABANDON_EXTRA_MS = 30_000
_IDEMPOTENCY_RETENTION = timedelta(hours=24)
# A swap older than this weighs nothing in any policy, so nobody is asked about more.
_WINDOW_S = 30 * 86_400.0


class CheckLimits(msgspec.Struct, frozen=True):
    """Times of a check, in milliseconds; ``reserve_ms`` is kept back for scoring, signing and writing."""

    deadline_default_ms: int
    deadline_cap_ms: int
    reserve_ms: int


class CheckTools(msgspec.Struct, frozen=True):
    """What a check works with, built once by ``bootstrap``."""

    clock: Clock
    new_id: Callable[[], str]
    new_correlator: Callable[[], str]
    book: PolicyBook
    router: Router
    adapters: Mapping[str, Adapter]
    gate: ConsentGate
    gatherer: Gatherer
    pseudonyms: Pseudonyms
    store: Store
    limits: CheckLimits


class RunCheck:
    """The check as a list of steps; their numbers are the hops of the architecture.

    Steps 1 and 2, reading the request and knowing the caller, are the surface's; 9 to 12 are :class:`Settle`'s.
    """

    def __init__(self, tools: CheckTools, settle: Settle) -> None:
        self._tools = tools
        self._settle = settle

    async def __call__(self, asked: Asked) -> Answered:
        """Answer one question; the answer is durable before it returns.

        Raises:
            InvalidRequest: action type, purpose or deadline that this broker does not know or allow.
            NotPermitted: the caller lacks the scope, or the policy does not cover the purpose.
            IdempotencyMismatch, Conflict: the idempotency key was used for another request, or for one under way.
            Unrecorded, Overloaded: nothing was decided; try again.
        """
        # (3) Begin: permission, and the class of the action as the policy has it.
        authorize.require(asked.principal, authorize.CHECK)
        document, action_class = self._tools.book.resolve(asked.request.action)
        self._require_purpose(asked, document)
        started_at = self._tools.clock.now()

        # (4) Plan, (5) route, (6) bind to what the operator offers, (7) pass the consent gate.
        adapter = self._route(asked)
        plan = self._narrow(self._draft(asked, document, action_class), adapter, asked)

        # (3, again) The intent is durable before any operator hears of the number, and the idempotency key is ours.
        case = self._open(asked, document, plan, adapter, started_at)
        errand = self._errand(case)
        recalled = self._tools.gatherer.recall(plan, adapter, errand) if adapter else {}
        replay = await self._begin(case, asks=len(plan.items) > len(recalled))
        if replay is not None:
            return Answered(replay, replayed=True)

        try:
            # (8) Gather; (9) to (12) score, decide, offer, commit.
            answers = await self._tools.gatherer.gather(plan, adapter, errand, recalled) if adapter else []
            evidence = Evidence.of([*plan.unavailable, *answers])
            check, body = await self._settle(case, evidence)
        except BaseException:
            await self._give_back(case)
            raise
        del check
        # (13) Answer.
        return Answered(body, replayed=False)

    def _require_purpose(self, asked: Asked, document: PolicyDocument) -> None:
        purpose, gate = asked.request.purpose, self._tools.gate
        if not gate.knows(purpose):
            known = ", ".join(gate.known())
            raise InvalidRequest("the purpose is not known", [Fault("/purpose", f"send one of: {known}")])
        if not document.permits_purpose(purpose):
            raise NotPermitted(f"the policy {document.id} does not allow this action for the purpose {purpose}")

    def _draft(self, asked: Asked, document: PolicyDocument, action_class: ActionClass) -> Plan:
        limits = self._tools.limits
        return planning.draft(
            document,
            action_class,
            asked.request,
            deadline_ms_default=limits.deadline_default_ms,
            deadline_ms_cap=limits.deadline_cap_ms,
        )

    def _route(self, asked: Asked) -> Adapter | None:
        operator = self._tools.router.route(asked.request.subject.phone)
        return self._tools.adapters.get(operator) if operator else None

    def _narrow(self, plan: Plan, adapter: Adapter | None, asked: Asked) -> Plan:
        names = [item.signal for item in plan.items]
        if adapter is None:
            return planning.without(plan, names, Unavailability.UNSUPPORTED, "UNROUTABLE")
        bound = planning.bind(plan, adapter.capabilities.keys())
        barred = [name for name in names if self._tools.gate.basis(asked.request.purpose, name) is None]
        return planning.without(bound, barred, Unavailability.NOT_PERMITTED, "PURPOSE")

    def _open(
        self, asked: Asked, document: PolicyDocument, plan: Plan, adapter: Adapter | None, started_at: datetime
    ) -> Case:
        check_id = self._tools.new_id()
        subject = self._tools.pseudonyms.subject(asked.principal.tenant, asked.request.subject.phone)
        claim = _claim(asked, check_id, started_at, plan.deadline_ms)
        operator = adapter.operator if adapter else None
        return Case(check_id, asked, subject, document, plan, operator, started_at, claim)

    def _errand(self, case: Case) -> Errand:
        request = case.asked.request
        # The signal only fills the field: each item of the plan asks under its own name.
        query = SignalQuery(
            signal=SignalName.SIM_SWAP,
            phone=request.subject.phone,
            purpose=request.purpose,
            correlator=self._tools.new_correlator(),
            deadline_s=case.asked.received_s + (case.plan.deadline_ms - self._tools.limits.reserve_ms) / 1000,
            window_s=_WINDOW_S,
            location=request.subject.location,
            operator_token=request.subject.operator_token,
            bound_since=request.subject.bound_since,
            claims=request.subject.claims,
        )
        return Errand(case.asked.principal.tenant, case.subject, query)

    async def _begin(self, case: Case, *, asks: bool) -> bytes | None:
        """Make intent and claim durable; the bytes of an earlier answer when this request was answered before."""
        tenant = case.asked.principal.tenant
        started_ms = _ms(case.started_at)
        intent = Intent(tenant, case.id, started_ms, started_ms + case.plan.deadline_ms + _ABANDON_EXTRA_MS)
        match await self._tools.store.begin(intent if asks else None, case.claim):
            case Replay(response=response):
                return response
            case Running():
                raise Conflict("a request with this idempotency key is still running", retry_after_s=1)
            case Mismatch():
                raise IdempotencyMismatch("this idempotency key was first used with another body; send a new key")
            case _:
                return None

    async def _give_back(self, case: Case) -> None:
        """Free the idempotency key after a failure, so that a retry is not told to wait for a dead request."""
        if case.claim is not None:
            # What went wrong first is what the caller must hear; the lease frees the key in any case.
            with contextlib.suppress(BrokerError):
                await asyncio.shield(self._tools.store.release(case.claim))


def _claim(asked: Asked, check_id: str, at: datetime, deadline_ms: int) -> IdempotencyClaim | None:
    if asked.idempotency is None:
        return None
    return IdempotencyClaim(
        tenant=asked.principal.tenant,
        endpoint=asked.idempotency.endpoint,
        key=asked.idempotency.key,
        fingerprint=asked.idempotency.fingerprint,
        check_id=check_id,
        now_ms=_ms(at),
        lease_until_ms=_ms(at) + deadline_ms + _LEASE_EXTRA_MS,
        expires_ms=_ms(at + _IDEMPOTENCY_RETENTION),
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
