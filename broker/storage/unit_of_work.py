"""The units of work: what is written entirely or not at all, and the back end that writes many of them at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
from sqlalchemy import Executable

from broker.errors import Conflict
from broker.storage.records import (
    BeginOutcome,
    CheckCommit,
    IdempotencyClaim,
    Intent,
    Mismatch,
    Replay,
    Running,
)

Value = str | bytes | int | None
Row = Sequence[Value]
"""One row, its columns in the order of the query."""


class Begin(msgspec.Struct, frozen=True):
    """Record an intent, take a claim, or both. Neither is written when the claim is not won."""

    intent: Intent | None
    claim: IdempotencyClaim | None

    def __post_init__(self) -> None:
        """Both are of one check, or the settling transaction could not find them again."""
        if self.intent is None or self.claim is None:
            return
        if (self.intent.tenant, self.intent.check_id) != (self.claim.tenant, self.claim.check_id):
            raise ValueError("intent and claim belong to different checks")


class Settle(msgspec.Struct, frozen=True):
    """Record a check: row, evidence, leaf; remove its intent; complete its claim where it is still its own."""

    commit: CheckCommit


class Release(msgspec.Struct, frozen=True):
    """Give a running claim back, where it is still its own."""

    claim: IdempotencyClaim


class Write(msgspec.Struct, frozen=True):
    """A few ordinary statements with one set of values. The outcome is the number of rows the last one touched."""

    statements: tuple[Executable, ...]
    values: Mapping[str, Value]


class Step(NamedTuple):
    """One statement of several, with its own values."""

    statement: Executable
    values: Mapping[str, Value]


class Amend(msgspec.Struct, frozen=True):
    """Statements behind a guard, the first: where it touches no row, nothing is written. The outcome is its rows."""

    steps: tuple[Step, ...]


Unit = Begin | Settle | Release | Write | Amend
Outcome = BeginOutcome | Conflict | int
"""What a committed unit came to. A conflict is an outcome too: the unit changed nothing and its neighbours are well."""

ALREADY_SETTLED = "this check is settled already; the first record stands"

# Units that wait together are concurrent, so any order is a true one. This one lets a caller who repeats a request in
# the very moment of its answer get that answer, and not "still running".
_ORDER: Mapping[type, int] = {Settle: 0, Write: 1, Amend: 1, Release: 2, Begin: 3}


def precedence(unit: Unit) -> int:
    """The place of a unit's kind within a batch; within a kind the order of arrival stays."""
    return _ORDER[type(unit)]


class Refused(Exception):
    """The database refused something in the batch: a constraint, a value. The batch was rolled back, all of it."""

    loggable = True


class Unavailable(Exception):
    """The database could not be used: locked, full, read-only, gone. ``cause`` is from a closed list, safe to log.

    Nothing was committed, unless the connection was lost in the very commit: then the batch is there as a whole or not
    at all, and nobody can say which before looking.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Backend(Protocol):
    """A database at driver level. Both methods are bounded in time by the limits that the back end was given."""

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Write all units in one transaction; their outcomes in the same order, after the commit is durable.

        Never called while an earlier call is under way.

        Raises:
            Refused, Unavailable: see there.
        """
        ...

    async def fetch(self, query: Executable, values: Mapping[str, Value]) -> list[Row]:
        """Read the rows of one query, with what has been committed so far.

        Raises:
            Refused, Unavailable: see there.
        """
        ...

    async def aclose(self) -> None:
        """Give connections and threads back; what is under way ends first."""
        ...


def judge(claim: IdempotencyClaim, row: Row | None) -> BeginOutcome:
    """What a claim that was not won came to, given the row in its way: fingerprint, check, state, lease, answer.

    The row may be gone: then its owner gave it up between our two statements. Waiting a moment is right for that too.
    """
    if row is None:
        return Running(claim.check_id, claim.now_ms)
    fingerprint, check_id, state, lease_until_ms, status, response = row
    if fingerprint != claim.fingerprint:
        return Mismatch()
    if state == "done" and isinstance(status, int) and isinstance(response, bytes):
        return Replay(status, response, str(check_id))
    return Running(str(check_id), int(lease_until_ms or 0))


class Backoff:
    """When a lost database may be tried again: pauses that double from ``min_ms`` to ``max_ms``; success forgets them.

    ``monotonic_s`` is handed in, seconds from any start.
    """

    def __init__(self, min_ms: int, max_ms: int, monotonic_s: Callable[[], float]) -> None:
        self._min_s = min_ms / 1000
        self._max_s = max_ms / 1000
        self._monotonic_s = monotonic_s
        self._pause_s = 0.0
        self._not_before_s = float("-inf")

    def ready(self) -> bool:
        """Whether the pause is over."""
        return self._monotonic_s() >= self._not_before_s

    def failed(self) -> None:
        """Count one more failure and start a pause."""
        self._pause_s = min(max(self._pause_s * 2, self._min_s), self._max_s)
        self._not_before_s = self._monotonic_s() + self._pause_s

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self._pause_s = 0.0
        self._not_before_s = float("-inf")
