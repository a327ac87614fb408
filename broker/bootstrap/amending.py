"""Late answers: heard for as long as the broker runs."""

import contextlib
from collections.abc import AsyncIterator

from broker.settings.sections import CheckSettings
from broker.signals.gather import Gatherer
from broker.usecases.late_answers import LateAnswers
from broker.usecases.permit import Permit
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.resettle import Resettle, ResettleTools


@contextlib.asynccontextmanager
async def hearing_late(
    gatherer: Gatherer, resettling: ResettleTools, permit: Permit, rulebook: Rulebook, settings: CheckSettings
) -> AsyncIterator[LateAnswers]:
    """What operators say after the deadline counts, until the block ends; then nobody waits any more."""
    late_answers = LateAnswers(
        gatherer, Resettle(resettling), permit, rulebook, resettling.clock, checks_max=settings.late_checks_max
    )
    try:
        yield late_answers
    finally:
        await late_answers.aclose()
