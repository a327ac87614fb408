"""Look at everybody who is due: one check each, as the consumer that wants to know, and news where it is worse."""

import asyncio
import logging

from broker.consumers import authorize
from broker.domain.check import Action, CheckRequest, Principal, Subject
from broker.domain.event import EventKind
from broker.domain.phone import PhoneNumber
from broker.domain.record import Check
from broker.domain.signal import Unavailability, Unavailable
from broker.domain.watch import Look, News, Watch, WatchCode, WatchState, looked, taken, untold
from broker.errors import BrokerError, Erased, InvalidRequest, NotPermitted, QuotaExceeded, origin
from broker.storage.event_store import put
from broker.usecases.events.manage_watches import WatchTools, finish, number_use
from broker.usecases.events.watch_views import watch_event
from broker.usecases.ports import Asked

CHANNEL = "watch"
"""Where the checks of watches say that they come from."""
_MOST = 100
_CLOCK = "the clock"
_ON_PURPOSE = frozenset({Unavailability.SKIPPED, Unavailability.UNSUPPORTED, Unavailability.NOT_APPLICABLE})
_KINDS = {News.WORSENED: EventKind.WATCH_WORSENED, News.UNSURE: EventKind.WATCH_UNSURE}
_log = logging.getLogger(__name__)


class KeepWatches:
    """Run by every node; of those that find a watch due one takes it up, a few at once.

    A look is an ordinary check: consents, pauses, policies, quotas, budgets, the meter and the record are those of any.
    """

    def __init__(self, tools: WatchTools) -> None:
        self._tools = tools

    async def __call__(self) -> int:
        """Take up what is due; how many watches there were."""
        due = await self._tools.store.due(self._tools.now_ms(), _MOST)
        room = asyncio.Semaphore(self._tools.limits.at_once)
        await asyncio.gather(*(self._in_turn(watch, room) for watch in due))
        return len(due)

    async def _in_turn(self, watch: Watch, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                await self._take_up(watch)
            except BrokerError as error:  # its lease ends, and it is taken up again
                _log.warning(
                    "watch %(watch)s of %(tenant)s could not be kept: %(code)s at %(place)s",
                    {"watch": watch.watch_id, "tenant": watch.tenant, "code": error.code, "place": origin(error)},
                )

    async def _take_up(self, watch: Watch) -> None:
        tools, now_ms = self._tools, self._tools.now_ms()
        mine = taken(watch, now_ms, tools.limits.lease_s * 1000)
        if not await tools.store.move(mine):
            return
        if now_ms >= mine.expires_ms:
            await finish(tools, mine, WatchState.EXPIRED, None, _CLOCK)
            return
        if not await tools.holds(mine.tenant, mine.consumer):
            await finish(tools, mine, WatchState.ENDED, WatchCode.NO_CREDENTIAL, _CLOCK)
            return
        try:
            number = await tools.vault.open(mine.tenant, mine.subject, number_use(mine.watch_id), mine.sealed)
        except Erased:
            await finish(tools, mine, WatchState.ENDED, WatchCode.ERASED, _CLOCK)
            return
        found = await self._look(mine, PhoneNumber(number.decode()))
        if isinstance(found, WatchCode):
            pause_s = tools.limits.again_s if found is WatchCode.FAILED else mine.every_s
            await tools.store.move(untold(mine, found, tools.now_ms(), pause_s * 1000))
            return
        await self._tell(mine, found)

    async def _look(self, watch: Watch, phone: PhoneNumber) -> Look | WatchCode:
        """What a check finds now, or why there is none that tells anything."""
        tools = self._tools
        kept: list[Check] = []

        def render(check: Check) -> bytes:
            kept.append(check)
            return b""

        who = Principal(watch.tenant, watch.consumer, watch.agent, frozenset({authorize.CHECK}), watch.watch_id)
        request = CheckRequest(Subject(phone), Action(watch.action_type), watch.purpose, channel=CHANNEL)
        try:
            await tools.standings.require_active(watch.tenant)
            record = await tools.permit.on_record(watch.tenant, watch.subject)
            if record.standing.paused_ms is not None:
                return WatchCode.PAUSED
            await tools.run_check(Asked(who, request, tools.clock.monotonic_s(), render))
        except QuotaExceeded:
            return WatchCode.QUOTA_EXCEEDED
        except (NotPermitted, InvalidRequest):
            return WatchCode.NOT_PERMITTED
        except BrokerError:
            return WatchCode.FAILED
        check = kept[-1]
        return WatchCode.STOPPED if check.stop is not None else _look_of(check)

    async def _tell(self, watch: Watch, look: Look) -> None:
        tools, now_ms = self._tools, self._tools.now_ms()
        after, news = looked(watch, look, now_ms)
        if news is News.NOTHING:
            await tools.store.move(after)
            return
        event = watch_event(
            tools.compose,
            _KINDS[news],
            after,
            now_ms,
            decision=look.decision.wire,
            was=watch.decision,
            verdict=str(look.verdict),
            trustBand=str(look.band),
        )
        await tools.store.move(after, also=(put(event),))


def _look_of(check: Check) -> Look:
    missing = [one for one in check.evidence.signals if isinstance(one, Unavailable) and one.reason not in _ON_PURPOSE]
    decision = check.decision
    return Look(check.id, decision.outcome, decision.band, decision.verdict, len(missing))
