"""Ask an operator for everything in a plan at once, under one deadline."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import msgspec

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.clock import Clock
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.domain.soundness import is_sound
from broker.signals.freshness import Freshness, FreshnessKey
from broker.signals.single_flight import Seat, SingleFlight, key_of

_log = logging.getLogger(__name__)
_NOT_FOR_ALL = frozenset({Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR, Unavailability.MALFORMED})

_NO_ANSWER_NOW = _NOT_FOR_ALL | {Unavailability.BREAKER_OPEN, Unavailability.LATE}


class LateCall(NamedTuple):
    """A call that had not answered at the deadline, and is waited for a while longer."""

    item: PlanItem
    seat: Seat
    adapter: Adapter


class Errand(msgspec.Struct, frozen=True):
    """For whom a plan is run: tenant, its pseudonym for the subject, and the query that each item starts from.

    Calls may go on for ``late_s`` after the query's deadline. Those that do are put into ``late``, and whoever runs the
    errand sees to it that they are heard (:meth:`Gatherer.late_answers`) or given up.
    """

    tenant: str
    subject: bytes
    query: SignalQuery
    late_s: float = 0.0
    late: list[LateCall] = []

    def ask(self, item: PlanItem) -> SignalQuery:
        """The question for one item."""
        if self.late_s <= 0:
            return msgspec.structs.replace(self.query, signal=item.signal)
        due_s = self.query.deadline_s
        return msgspec.structs.replace(self.query, signal=item.signal, deadline_s=due_s + self.late_s, settles_s=due_s)


class Gatherer:
    """Runs plans. One instance serves the whole process."""

    def __init__(self, freshness: Freshness, clock: Clock) -> None:
        self._freshness = freshness
        self._clock = clock
        self._flights = SingleFlight()

    def recall(self, plan: Plan, adapter: Adapter, errand: Errand) -> dict[SignalName, Observed]:
        """The plan's items that an earlier answer can serve, without asking anybody."""
        now = self._clock.now()
        kept = {
            item.signal: self._freshness.get(
                self._key(item, adapter, errand),
                max_age_s=item.max_age_s,
                adverse_max_age_s=item.adverse_max_age_s,
                now=now,
            )
            for item in plan.items
            if item.max_age_s > 0
        }
        return {name: observed for name, observed in kept.items() if observed is not None}

    async def gather(
        self, plan: Plan, adapter: Adapter, errand: Errand, recalled: Mapping[SignalName, Observed]
    ) -> list[Signal]:
        """Every item of the plan as a signal, the recalled ones included; returns by ``errand.query.deadline_s``.

        What has not answered by then is *late*. Its call is left in ``errand.late``, or cancelled where no time is
        given to late calls, unless another check waits for it as well. Operators' trouble never raises.
        """
        # While the intent was written, another check may have brought the answers that this one would ask for.
        recalled = {**self.recall(plan, adapter, errand), **recalled}
        asked = [item for item in plan.items if item.signal not in recalled]
        answers = await self._ask_all(asked, adapter, errand) if asked else []
        told = [self._or_adverse(item, answer, adapter, errand) for item, answer in zip(asked, answers, strict=True)]
        return [*recalled.values(), *told]

    def _or_adverse(self, item: PlanItem, answer: Signal, adapter: Adapter, errand: Errand) -> Signal:
        """The answer; where there is none now, an adverse one that still holds.

        Defensive: whoever took a line over could otherwise wait until its operator is slow, or make it so.
        """
        if isinstance(answer, Observed) or answer.reason not in _NO_ANSWER_NOW or errand.query.operator_token:
            return answer
        key, now = self._key(item, adapter, errand), self._clock.now()
        kept = self._freshness.get(key, max_age_s=0.0, adverse_max_age_s=item.adverse_max_age_s, now=now)
        return answer if kept is None else kept

    async def _ask_all(self, items: list[PlanItem], adapter: Adapter, errand: Errand) -> list[Signal]:
        seats = [self._board(item, adapter, errand) for item in items]
        late: list[LateCall] = []
        try:
            await self._wait(seats, errand)
            seats = [self._board_again(seat, item, adapter, errand) for seat, item in zip(seats, items, strict=True)]
            await self._wait(seats, errand)
            if errand.late_s > 0:
                pairs = zip(items, seats, strict=True)
                late = [LateCall(item, seat, adapter) for item, seat in pairs if not seat.task.done()]
                errand.late.extend(late)
            return [
                seat.task.result() if _landed(seat) else _late(item.signal, adapter)
                for item, seat in zip(items, seats, strict=True)
            ]
        finally:
            kept = [one.seat for one in late]
            for seat in seats:
                if not any(seat is one for one in kept):
                    self._flights.leave(seat)

    async def late_answers(self, errand: Errand) -> AsyncIterator[Observed]:
        """What the late calls of an errand still observe, each as it comes; ends with the time that they have."""
        try:
            while errand.late and (left_s := self._late_left_s(errand)) > 0:
                tasks = {one.seat.task: one for one in errand.late}
                done, _ = await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    return
                for call in [tasks[task] for task in done]:
                    answer = self._landed_late(call, errand)
                    if answer is not None:
                        yield answer
        finally:
            self.give_up(errand)

    def give_up(self, errand: Errand) -> None:
        """Wait for no late call of an errand any more."""
        while errand.late:
            self._flights.leave(errand.late.pop().seat)

    def _landed_late(self, call: LateCall, errand: Errand) -> Observed | None:
        answer = call.seat.task.result() if _landed(call.seat) else None
        errand.late.remove(call)
        self._flights.leave(call.seat)
        return answer if isinstance(answer, Observed) else None

    def _board(self, item: PlanItem, adapter: Adapter, errand: Errand) -> Seat:
        query = errand.ask(item)
        key = key_of(errand.tenant, errand.subject, adapter.operator, adapter.capabilities[item.signal], query)
        return self._flights.board(key, query, functools.partial(self._ask_and_keep, item, adapter, errand))

    async def _ask_and_keep(self, item: PlanItem, adapter: Adapter, errand: Errand, query: SignalQuery) -> Signal:
        """The answer, kept as it lands: whoever comes before those who wait have their turn must not ask again."""
        answer = await _ask(adapter, query)
        # Defensive: what was said under a token is about whoever holds it, which need not be this number.
        if isinstance(answer, Observed) and not query.personal:
            self._freshness.put(self._key(item, adapter, errand), answer)
        return answer

    def _board_again(self, seat: Seat, item: PlanItem, adapter: Adapter, errand: Errand) -> Seat:
        """Once, for who only followed: a leader had its own deadline, so its failure need not be everybody's."""
        if seat.led or not _failed(seat) or self._left_s(errand) <= 0:
            return seat
        self._flights.leave(seat)
        return self._board(item, adapter, errand)

    async def _wait(self, seats: list[Seat], errand: Errand) -> None:
        tasks = {seat.task for seat in seats if not seat.task.done()}
        left_s = self._left_s(errand)
        if tasks and left_s > 0:
            await asyncio.wait(tasks, timeout=left_s)

    def _left_s(self, errand: Errand) -> float:
        return max(0.0, errand.query.deadline_s - self._clock.monotonic_s())

    def _late_left_s(self, errand: Errand) -> float:
        return errand.query.deadline_s + errand.late_s - self._clock.monotonic_s()

    @staticmethod
    def _key(item: PlanItem, adapter: Adapter, errand: Errand) -> FreshnessKey:
        location = errand.query.location if item.signal is SignalName.LOCATION else None
        capability = adapter.capabilities[item.signal]
        return FreshnessKey(errand.tenant, errand.subject, errand.query.purpose, adapter.operator, capability, location)


async def ask_alone(adapter: Adapter, query: SignalQuery, clock: Clock) -> Signal:
    """One question by itself, by ``query.deadline_s``; the answer is for whoever asked, and kept for nobody."""
    try:
        async with asyncio.timeout(max(0.0, query.deadline_s - clock.monotonic_s())):
            return await _ask(adapter, query)
    except TimeoutError:
        return _late(query.signal, adapter)


async def _ask(adapter: Adapter, query: SignalQuery) -> Signal:
    try:
        answer = await adapter.observe(query)
    except Exception as error:  # noqa: BLE001
        # Defensive: an adapter promises not to raise; one that breaks the promise must not take the check with it.
        # The message and the trace stay out of the log, for nobody knows what a foreign error carries.
        _log.error(
            "adapter %(operator)s raised %(error)s on %(signal)s",
            {"operator": adapter.operator, "error": type(error).__name__, "signal": query.signal},
        )
        return Unavailable(query.signal, Unavailability.OPERATOR_ERROR, "INTERNAL")
    if is_sound(answer, query.signal):
        return answer
    _log.error(
        "adapter %(operator)s gave something that is no %(signal)s",
        {"operator": adapter.operator, "signal": query.signal},
    )
    return Unavailable(query.signal, Unavailability.MALFORMED, KitCode.WRONG_TYPE)


def _late(name: SignalName, adapter: Adapter) -> Unavailable:
    capability = adapter.capabilities[name]
    source = Source(adapter.operator, capability.api, capability.version)
    return Unavailable(name, Unavailability.LATE, "DEADLINE", source)


def _landed(seat: Seat) -> bool:
    return seat.task.done() and not seat.task.cancelled()


def _failed(seat: Seat) -> bool:
    if not _landed(seat):
        return False
    answer = seat.task.result()
    return isinstance(answer, Unavailable) and answer.reason in _NOT_FOR_ALL
