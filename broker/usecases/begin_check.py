"""Hop 3 of a check: intent and idempotency key, durable before anybody hears of the number."""

import contextlib
from datetime import datetime

from broker.domain.plan import Plan
from broker.domain.route import Route
from broker.errors import BrokerError, Conflict, IdempotencyMismatch
from broker.storage.records import Intent, Mismatch, Replay, Running
from broker.usecases.check_tools import Begun, CheckTools
from broker.usecases.idempotency import claim_of
from broker.usecases.learning.open_checks import open_answer
from broker.usecases.ports import Asked, Case

_ABANDON_EXTRA_MS = 30_000


class BeginCheck:
    """Opens checks, and frees the key of one that failed."""

    def __init__(self, tools: CheckTools) -> None:
        self._tools = tools

    def open(self, asked: Asked, begun: Begun, plan: Plan, route: Route) -> Case:
        """The check as it begins, under an id of its own."""
        check_id = self._tools.new_id()
        claim = claim_of(asked, check_id, begun.started_at, plan.deadline_ms, self._tools.pseudonyms)
        return Case(
            id=check_id,
            asked=asked,
            subject=begun.enquiry.subject,
            mark=begun.mark,
            document=begun.document,
            plan=plan,
            route=route,
            started_at=begun.started_at,
            claim=claim,
            floors=begun.bearing.floors + begun.before.floors,
            carried=begun.before.carried,
            forbidden=self._tools.permit.forbids_proving(asked.request, begun.record),
        )

    async def __call__(self, case: Case, *, asks: bool) -> bytes | None:
        """Make intent and claim durable; the bytes of an earlier answer when this request was answered before."""
        tenant = case.asked.principal.tenant
        started_ms = _ms(case.started_at)
        intent = Intent(tenant, case.id, started_ms, started_ms + case.plan.deadline_ms + _ABANDON_EXTRA_MS)
        try:
            outcome = await self._tools.store.begin(intent if asks else None, case.claim, self.wait_s(case))
        except BaseException:
            # It may be written all the same, a moment later: the key must not wait for the end of its lease.
            self.give_back(case)
            raise
        match outcome:
            case Replay(response=response, check_id=check_id):
                return await open_answer(self._tools.vault, tenant, case.subject, check_id, response)
            case Running():
                raise Conflict("a request with this idempotency key is still running", retry_after_s=1)
            case Mismatch():
                raise IdempotencyMismatch("this idempotency key was first used with another body; send a new key")
            case _:
                return None

    def give_back(self, case: Case) -> None:
        """Free the idempotency key after a failure, so that a retry is not told to wait for a dead request.

        Nobody waits for it: what went wrong is what the caller must hear, and in time.
        """
        if case.claim is not None:
            with contextlib.suppress(BrokerError):
                self._tools.store.release_soon(case.claim)

    def wait_s(self, case: Case) -> float:
        """How long writing may take from now on."""
        limits = self._tools.limits
        until_s = case.asked.received_s + (case.plan.deadline_ms + limits.record_grace_ms) / 1000
        return until_s - self._tools.clock.monotonic_s()


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
