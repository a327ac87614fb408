"""Reviews: built from settings, and swept for as long as the broker runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from broker.bootstrap.background import running
from broker.clock import Clock
from broker.domain.review import Review
from broker.events.compose import Composer
from broker.settings.sections import ReviewSettings
from broker.storage.store import Store
from broker.usecases.review_checks import ReviewChecks, ReviewLimits, ReviewTools
from broker.usecases.show_check import CheckReader

_SWEEP_S = 1.0
_log = logging.getLogger(__name__)


def review_checks(
    store: Store,
    checks: CheckReader,
    clock: Clock,
    new_id: Callable[[str], str],
    compose: Composer,
    settings: ReviewSettings,
) -> ReviewChecks:
    """The reviews of this deployment; ``checks`` opens what the store has sealed."""

    async def follow(_review: Review) -> None:
        """A ruling stands beside its check."""

    limits = ReviewLimits(**settings.model_dump())
    return ReviewChecks(ReviewTools(store.reviews, checks, clock, new_id, follow, compose, limits))


@contextlib.asynccontextmanager
async def sweeping_reviews(reviews: ReviewChecks) -> AsyncIterator[None]:
    """Let time decide where nobody did, every second."""

    async def every_second() -> None:
        while True:
            try:
                await reviews.sweep()
            except Exception as error:  # noqa: BLE001 - a sweeper that died would leave reviews open for ever
                _log.warning("could not sweep reviews: %s", type(error).__name__)
            await asyncio.sleep(_SWEEP_S)

    async with running(every_second()):
        yield
