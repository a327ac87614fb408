"""Report what a check turned out to be: fraud, genuine, or unknown after all."""

from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.outcome import OutcomeReport, TurnedOut
from broker.errors import Fault, InvalidRequest
from broker.usecases.show_check import CheckReader, own_check

_AHEAD = timedelta(minutes=5)
"""How far a caller's clock may be ahead of ours."""


class OutcomeStore(Protocol):
    """Where it is kept what became of checks."""

    async def report_outcome(self, report: OutcomeReport) -> None:
        """Keep a report beside the check and all earlier ones."""
        ...


class OutcomeView(msgspec.Struct, frozen=True, rename="camel"):
    """A report as it was taken."""

    id: str
    outcome: TurnedOut
    found_at: datetime
    reported_at: datetime


class ReportOutcome:
    """Takes reports about checks that the caller may see; the last one counts, and none is forgotten."""

    def __init__(self, checks: CheckReader, store: OutcomeStore, clock: Clock) -> None:
        self._checks = checks
        self._store = store
        self._clock = clock

    async def __call__(
        self, principal: Principal, check_id: str, outcome: TurnedOut, found_at: datetime | None
    ) -> OutcomeView:
        """Keep the report; durable when this returns.

        Args:
            principal: of the consumer and agent that asked, or with ``trust:explain``.
            check_id: of the check.
            outcome: what it turned out to be.
            found_at: aware; now where it is left out.

        Raises:
            NotPermitted: the caller lacks the scope.
            NotFound: no such check, or none that this caller may see.
            InvalidRequest: found out before the check, or in the future.
            Unrecorded, Overloaded: the report was not kept; send it again.
        """
        authorize.require(principal, authorize.CHECK)
        check = await own_check(self._checks, principal, check_id)
        now = self._clock.now()
        found = found_at or now
        if not check.started_at <= found <= now + _AHEAD:
            raise InvalidRequest(
                "a check cannot have turned out before it was made, nor in the future",
                [Fault("/foundAt", "send an instant with zone between the check and now, or leave it out")],
            )
        report = OutcomeReport(principal.tenant, check_id, outcome, found, now, principal.consumer, principal.key_id)
        await self._store.report_outcome(report)
        return OutcomeView(check_id, outcome, found, now)
