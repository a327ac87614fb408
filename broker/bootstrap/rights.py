"""What people ask about their own data: built from settings, and watched for as long as the broker runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from broker.bootstrap.background import running
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


@contextlib.asynccontextmanager
async def watching_deadlines(requests: TendRequests, figures: Figures, look_s: float) -> AsyncIterator[None]:
    """Let requests lapse that nobody proved, and say how many are overdue, every ``look_s`` seconds."""

    async def now_and_then() -> None:
        known = 0
        while True:
            try:
                await requests.sweep()
                overdue = await requests.overdue()
                figures.overdue(overdue)
                if overdue > known:
                    _log.error(
                        "%(count)d requests of people about their own data are overdue: see rights list",
                        {"count": overdue},
                    )
                known = overdue
            except Exception as error:  # noqa: BLE001 - a watch that died would let deadlines pass unseen
                _log.warning("could not look after requests of people: %(error)s", {"error": type(error).__name__})
            await asyncio.sleep(look_s)

    async with running(now_and_then()):
        yield
