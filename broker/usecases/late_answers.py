"""What operators say after the deadline: an adverse answer amends the check, a clean one is remembered for the next.

The check has been answered by then, so an amendment is a revision of its own: it is in the log, it is told as an event,
and the receipt of what was said before is good for nothing any more, unless it was used already.

What is waited for is in the memory of this node alone. A node that stops, or dies, leaves its checks as they settled,
with *late* on the signals that were; nothing that was recorded is lost, and nobody was promised the rest.
"""

import asyncio
import logging

from broker.clock import Clock
from broker.domain.decision import Verdict
from broker.domain.record import Cause, Check
from broker.domain.signal import Observed
from broker.errors import BrokerError
from broker.policy import extremes
from broker.policy.document import PolicyDocument
from broker.policy.what_if import WhatIf
from broker.signals.gather import Errand, Gatherer
from broker.usecases.permit import About, Permit
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.resettle import Change, Resettle

_log = logging.getLogger(__name__)


class LateAnswers:
    """Waits for late calls beside everything else. Belongs to one event loop.

    Args:
        gatherer: the one that the checks asked with.
        resettle: settles a check again.
        permit: whether an answer may still be used when it comes.
        rulebook: of the checks of this node.
        clock: the one of the checks.
        checks_max: for how many checks answers are waited for at once; those of one more are given up.
    """

    def __init__(
        self,
        gatherer: Gatherer,
        resettle: Resettle,
        permit: Permit,
        rulebook: Rulebook,
        clock: Clock,
        *,
        checks_max: int,
    ) -> None:
        self._gatherer = gatherer
        self._resettle = resettle
        self._permit = permit
        self._rulebook = rulebook
        self._clock = clock
        self._checks_max = checks_max
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, check: Check, document: PolicyDocument, errand: Errand) -> None:
        """Hear the late calls of a settled check, for as long as its errand gives them; returns at once."""
        if not errand.late:
            return
        if len(self._tasks) >= self._checks_max:
            self._gatherer.give_up(errand)
            return
        task = asyncio.create_task(self._hear(check, document, errand), name="late-answers")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def give_up(self, errand: Errand) -> None:
        """Hear nothing more: the check did not settle."""
        self._gatherer.give_up(errand)

    async def aclose(self) -> None:
        """Stop waiting; the checks stay as they are."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self, check: Check, document: PolicyDocument, errand: Errand) -> None:
        try:
            async for answer in self._gatherer.late_answers(errand):
                if self._is_adverse(check, document, answer):
                    check = await self._amended(check, answer, errand)
        except BrokerError as error:
            _log.warning(
                "a late answer did not amend check %(check)s: %(code)s", {"check": check.id, "code": error.code}
            )
        except Exception as error:  # noqa: BLE001 - nobody waits for this task, so nobody else would say it
            _log.error(
                "a late answer did not amend check %(check)s: %(error)s",
                {"check": check.id, "error": type(error).__name__},
            )

    async def _amended(self, check: Check, answer: Observed, errand: Errand) -> Check:
        about = About(errand.tenant, errand.subject, errand.query.phone, errand.query.purpose)
        grant = await self._permit.before(answer.name, about)
        if isinstance(grant, str):
            return check
        consents = {answer.name: grant.consent} if grant.consent else {}
        change = Change(cause=Cause.LATE_ANSWER, by=answer.name.value, signals=(answer,), consents=consents)
        return await self._resettle(check.tenant, check.id, change)

    def _is_adverse(self, check: Check, document: PolicyDocument, answer: Observed) -> bool:
        """Whether it makes the decision stricter, or the evidence suspicious, beside what the check knows already."""
        rules = document.rules(check.action_class)
        what_if = WhatIf(self._rulebook.table_of(document), document, rules, self._clock.now(), check.floors)
        before = what_if.suppose(check.evidence)
        after = what_if.suppose(extremes.replaced(check.evidence, (answer,)))
        suspicious = after.suspicious and check.decision.verdict is not Verdict.SUSPICIOUS
        return after.outcome > max(before.outcome, check.decision.outcome) or suspicious
