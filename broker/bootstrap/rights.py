"""What people ask about their own data: built from settings, and watched for as long as the broker runs."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from broker.bootstrap.background import repeating
from broker.bootstrap.beside import Beside
from broker.rights.terms import Terms
from broker.settings import Settings
from broker.storage.store import Store
from broker.surfaces.metrics import Figures
from broker.usecases.audit.use_receipts import UseReceipts
from broker.usecases.ports import Answered, Asked
from broker.usecases.rights.report_holdings import ReportHoldings
from broker.usecases.rights.rights_desk import RightsDesk, RightsLimits, RightsTools
from broker.usecases.rights.tend_requests import TendRequests
from broker.usecases.step_up.challenge_checks import ChallengeChecks

_log = logging.getLogger(__name__)


class RightsNeeds(msgspec.Struct, frozen=True):
    """What the room is built from."""

    settings: Settings
    terms: Terms
    store: Store
    beside: Beside
    run_check: Callable[[Asked], Awaitable[Answered]]
    receipts: UseReceipts


def rights_desk(needs: RightsNeeds) -> RightsDesk:
    """The requests of this deployment."""
    private, desk = needs.beside.private, needs.beside.desk.tools
    report = ReportHoldings(needs.store.rights, private.opened, private.vault, private.retention, desk.clock)
    return RightsDesk(
        RightsTools(
            store=needs.store.rights,
            checks=private.opened,
            reviews=needs.store.reviews,
            vault=private.vault,
            pseudonyms=desk.pseudonyms,
            clock=desk.clock,
            new_id=desk.new_id,
            compose=desk.compose,
            terms=needs.terms,
            limits=RightsLimits(
                **needs.settings.rights.model_dump(exclude={"look_s"}),
                allow_within_s=needs.settings.reviews.open_within_s,
            ),
            run_check=needs.run_check,
            challenges=ChallengeChecks(needs.beside.desk),
            report=report,
            erase=private.erase,
            restrict=private.restrict,
            receipts=needs.receipts,
            resettle=desk.resettle,
        )
    )


def watching_deadlines(requests: TendRequests, figures: Figures, look_s: float) -> AbstractAsyncContextManager[None]:
    """Let requests lapse that nobody proved, and say how many are overdue, every ``look_s`` seconds."""
    known = 0

    async def once() -> None:
        nonlocal known
        await requests.sweep()
        overdue = await requests.overdue()
        figures.overdue(overdue)
        if overdue > known:
            _log.error(
                "%(count)d requests of people about their own data are overdue: see rights list", {"count": overdue}
            )
        known = overdue

    return repeating("rights", once, look_s)
