"""Hop 3, looking back: what was asked about this subject lately, and how the asking agent goes about it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers.pace import Gait, Pace
from broker.domain.check import Amount
from broker.domain.decision import ActionClass, Floor, Outcome
from broker.errors import TooManyRequests
from broker.policy.caution import Caution, CautionLimits, Recent, caution
from broker.policy.document import PolicyDocument
from broker.policy.reasons import ReasonCode
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.records import AboutSubject, SubjectCheck
from broker.usecases.marks import action_mark
from broker.usecases.ports import Asked

_ROWS_MAX = 500
_SLOW_DOWN_S = 60


class SubjectHistory(Protocol):
    """Where settled checks are kept."""

    async def classes_about(self, tenant: str, subject: bytes, since_ms: int) -> list[str]:
        """The classes of everything that a tenant asked about a subject since an instant."""
        ...

    async def about(self, question: AboutSubject, limit: int) -> list[SubjectCheck]:
        """Refusals of one action, and what was allowed of its type and currency, newest first."""
        ...


class Bearing(msgspec.Struct, frozen=True):
    """What looking back asks for: the class that applies, and the floors with their codes."""

    action_class: ActionClass
    floors: tuple[Floor, ...]


class LookBack:
    """Remembers what is under way on this node, and asks the record for the rest.

    Two checks of one subject that begin together on different nodes do not see one another.
    """

    def __init__(
        self, store: SubjectHistory, clock: Clock, pseudonyms: Pseudonyms, limits: CautionLimits, pace: Pace
    ) -> None:
        self._store = store
        self._clock = clock
        self._pseudonyms = pseudonyms
        self._limits = limits
        self._pace = pace
        self._under_way: dict[tuple[str, bytes], list[Recent]] = {}

    @contextmanager
    def under_way(self, asked: Asked, subject: bytes, document: PolicyDocument, at: datetime) -> Iterator[Recent]:
        """Let others see this check until it is recorded, or given up."""
        action = asked.request.action
        mark = action_mark(action, asked.principal.tenant, self._pseudonyms)
        action_class = document.actions[action.type].classify(action)
        recent = Recent(at, action.type, action_class, mark, None, action.amount)
        key = (asked.principal.tenant, subject)
        together = self._under_way.setdefault(key, [])
        together.append(recent)
        try:
            yield recent
        finally:
            # By identity: an equal check of another caller is another check.
            together[:] = [one for one in together if one is not recent]
            if not together:
                self._under_way.pop(key, None)

    async def bearing(self, asked: Asked, subject: bytes, document: PolicyDocument, ours: Recent) -> Bearing:
        """What the past of this subject and the pace of this agent ask for.

        Raises:
            TooManyRequests: the agent asks about more people than anybody serves.
            Unrecorded, Overloaded: the record cannot be read, so nothing is decided.
        """
        floors = self._gait(asked, subject)
        recent = await self._recent(asked.principal.tenant, subject, ours)
        found: Caution = caution(document, asked.request.action, ours.action_digest, recent, ours.at, self._limits)
        floors += tuple(Floor(code, found.floor if code == _STANDS else Outcome.ALLOW) for code in found.codes)
        return Bearing(found.action_class, floors)

    def _gait(self, asked: Asked, subject: bytes) -> tuple[Floor, ...]:
        gait = self._pace.step(asked.principal, asked.request.subject.phone, subject, self._clock.monotonic_s())
        if gait is Gait.TOO_FAST:
            raise TooManyRequests("this agent asks about too many people; slow down", retry_after_s=_SLOW_DOWN_S)
        return (Floor(ReasonCode.AGENT_UNUSUAL, Outcome.STEP_UP),) if gait is Gait.UNUSUAL else ()

    async def _recent(self, tenant: str, subject: bytes, ours: Recent) -> list[Recent]:
        if not self._limits.longest:
            return []
        question = AboutSubject(
            tenant=tenant,
            subject=subject,
            since_ms=_ms(ours.at - max(self._limits.adverse_window, self._limits.amount_window)),
            action_type=ours.action_type,
            action_digest=ours.action_digest,
            currency=ours.amount.currency if ours.amount else None,
        )
        classes, rows = await asyncio.gather(
            self._store.classes_about(tenant, subject, _ms(ours.at - self._limits.class_window)),
            self._store.about(question, _ROWS_MAX),
        )
        recent = [_recalled(row) for row in rows]
        recent += [Recent(ours.at, "", ActionClass[name.upper()], b"", None) for name in classes]
        if len(rows) >= _ROWS_MAX:
            # Defensive: nobody pays so often in a day, and a flood must not push what came before it out of sight.
            recent.append(Recent(ours.at, "", ActionClass.CRITICAL, b"", None))
        return [*recent, *(one for one in self._under_way.get((tenant, subject), ()) if one is not ours)]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


_STANDS = ReasonCode.ADVERSE_STANDS.value


def _recalled(row: SubjectCheck) -> Recent:
    amount = None
    if row.amount is not None and row.currency is not None:
        amount = Amount(Decimal(row.amount), row.currency)
    return Recent(
        at=datetime.fromtimestamp(row.settled_ms / 1000, UTC),
        action_type=row.action_type,
        action_class=ActionClass[row.action_class.upper()],
        action_digest=row.action_digest,
        outcome=Outcome[row.decision.upper()],
        amount=amount,
    )
