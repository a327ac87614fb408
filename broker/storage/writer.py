"""The group committer: units that wait at the same time share one transaction, and so one wait for the disk.

A commit starts at once when the last one ended more than the interval ago, else when the interval is over. A fixed wait
to gather more would cost everybody that time; no wait at all costs a commit for each one or two units under load
(performance.md section 5d).

**What a failure means.** ``submit`` returns or raises *Conflict* only after the commit is durable. When it raises
*Overloaded*, nothing was written. When it raises *Unrecorded*, or is cancelled, no answer may be released, and:

* the unit had not been picked up for a commit: it is withdrawn and never written;
* it had been picked up: it is there as a whole or not at all. Look, or do it again: a second settling of a check that
  did get through is a *Conflict*, a repeated claim by another check finds the first one running until its lease is
  over, and an intent that stays behind is closed by the sweeper.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from itertools import islice

import msgspec

from broker.errors import BrokerError, Overloaded, Unrecorded, origin
from broker.storage.records import StorageLimits
from broker.storage.unit_of_work import Backend, Outcome, Refused, Unavailable, Unit, precedence

_log = logging.getLogger(__name__)

_Waiting = asyncio.Future["Outcome | BrokerError"]
_Picked = tuple[_Waiting, Unit]


class WriterStats(msgspec.Struct):
    """Counts since start: commits that succeeded, the units in them, units refused alone, commits that failed."""

    commits: int = 0
    units: int = 0
    refused: int = 0
    failures: int = 0


class GroupWriter:
    """Commits units through one back end, one batch at a time. Belongs to the event loop in which it was made."""

    def __init__(self, backend: Backend, limits: StorageLimits) -> None:
        self.stats = WriterStats()
        self._backend = backend
        self._limits = limits
        self._interval_s = limits.commit_interval_ms / 1000
        self._queue: dict[_Waiting, Unit] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._failing = False
        self._last_commit_s = float("-inf")
        self._task = asyncio.create_task(self._run(), name="storage-writer")

    async def submit(self, unit: Unit, wait_s: float = math.inf) -> Outcome:
        """Have a unit committed; what it came to. The caller waits ``wait_s``, and never longer than the limits say.

        Raises:
            Overloaded: too many units are waiting.
            Unrecorded: it could not be committed in time; see the module on what that means.
            Conflict: as an outcome of the unit.
        """
        waiting = self.post(unit)
        try:
            async with asyncio.timeout(max(0.0, min(wait_s, self._limits.commit_wait_ms / 1000))):
                outcome = await waiting
        except TimeoutError as error:
            raise Unrecorded from error
        finally:
            self._queue.pop(waiting, None)
        if isinstance(outcome, BrokerError):
            raise outcome
        return outcome

    def post(self, unit: Unit) -> _Waiting:
        """Have a unit committed with the next batch; nobody has to wait for it.

        Raises:
            Overloaded: too many units are waiting.
            Unrecorded: the writer is closing.
        """
        if self._closing:
            raise Unrecorded("The store is closing; nothing was decided. Retry.")
        if len(self._queue) >= self._limits.queue_max:
            raise Overloaded("Too many records are waiting to be written.", retry_after_s=1)
        waiting: _Waiting = asyncio.get_running_loop().create_future()
        self._queue[waiting] = unit
        self._wake.set()
        return waiting

    async def aclose(self) -> None:
        """Take nothing more, write what waits as far as time allows, and stop."""
        self._closing = True
        self._wake.set()
        try:
            await asyncio.wait_for(self._task, self._limits.commit_wait_ms / 1000)
        except TimeoutError:
            _log.warning("storage: closed with units still waiting")
        self._fail_all(list(self._queue))

    async def _run(self) -> None:
        while self._queue or not self._closing:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._pace()
                await self._commit(self._pick())
                self._last_commit_s = asyncio.get_running_loop().time()

    async def _pace(self) -> None:
        rest_s = self._last_commit_s + self._interval_s - asyncio.get_running_loop().time()
        if rest_s > 0:
            await asyncio.sleep(rest_s)

    def _pick(self) -> list[_Picked]:
        """The longest waiting units, up to a batch, out of the queue and in the order in which they are written."""
        picked = list(islice(self._queue.items(), self._limits.batch_max))
        for waiting, _ in picked:
            del self._queue[waiting]
        return sorted(picked, key=lambda pair: precedence(pair[1]))

    async def _commit(self, picked: Sequence[_Picked]) -> None:
        if not picked:
            return
        try:
            await self._attempt(picked)
        except Refused as error:
            await self._one_by_one(picked, error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, no waiter may be left without an answer
            self._note_failure(error)
            self._fail_all([waiting for waiting, _ in picked], error)
        except BaseException:
            self._fail_all([waiting for waiting, _ in picked])
            raise

    async def _attempt(self, picked: Sequence[_Picked]) -> None:
        outcomes = await self._backend.commit([unit for _, unit in picked])
        self._note_success(len(picked))
        for (waiting, _), outcome in zip(picked, outcomes, strict=True):
            _answer(waiting, outcome)

    async def _one_by_one(self, picked: Sequence[_Picked], error: Refused) -> None:
        """Give each unit its own transaction, so that one that the database refuses takes no other down with it."""
        if len(picked) == 1:
            self.stats.refused += 1
            _log.warning(
                "storage: a unit was refused (%(error)s, %(fault)s)",
                {"error": type(picked[0][1]).__name__, "fault": error},
            )
            self._fail_all([picked[0][0]], error)
            return
        for place, pair in enumerate(picked):
            if pair[0].done():
                continue
            try:
                await self._attempt([pair])
            except Refused as refusal:
                await self._one_by_one([pair], refusal)
            except Unavailable as failure:
                self._note_failure(failure)
                self._fail_all([waiting for waiting, _ in picked[place:]], failure)
                return

    def _fail_all(self, waiting: Sequence[_Waiting], cause: Exception | None = None) -> None:
        for each in waiting:
            error = Unrecorded()
            error.__cause__ = cause
            _answer(each, error)

    def _note_success(self, units: int) -> None:
        self.stats.commits += 1
        self.stats.units += units
        if self._failing:
            self._failing = False
            _log.warning("storage: writing again")

    def _note_failure(self, error: Exception) -> None:
        self.stats.failures += 1
        if not isinstance(error, Unavailable):
            # Defensive: neither the error's words nor its trace, for both may hold what was to be written.
            _log.error(
                "storage: an error of our own (%(error)s at %(place)s)",
                {"error": type(error).__name__, "place": origin(error)},
            )
        elif not self._failing:
            _log.error("storage: cannot write (%(code)s)", {"code": error.cause})
        self._failing = True


def _answer(waiting: _Waiting, outcome: Outcome | BrokerError) -> None:
    """Wake the waiter, unless it gave up. Errors travel as values: one that nobody collects must not be reported."""
    if not waiting.done():
        waiting.set_result(outcome)
