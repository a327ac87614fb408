"""Hop 3, looking back: what was asked about this subject lately, and how the asking agent goes about it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers.blocks import Blocks, Sweep
from broker.consumers.pace import Gait, Pace
from broker.consumers.standing import Standings
from broker.domain.check import Amount
from broker.domain.decision import ActionClass, Floor, Outcome
from broker.errors import BrokerError, TooManyRequests
from broker.policy.caution import Caution, CautionLimits, Recent, caution
from broker.policy.document import PolicyDocument
from broker.policy.reasons import ReasonCode
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.kv import Kv
from broker.storage.records import AboutSubject, SubjectPast
from broker.usecases.marks import action_mark
from broker.usecases.ports import Asked

_AMOUNTS_MAX = 500
_SLOW_DOWN_S = 60
_GAP = b" "
_UNDER_WAY_S = 60
"""Longer than any check takes: after it, one whose node died counts no more."""


class SubjectHistory(Protocol):
    """Where settled checks are kept."""

    async def past_of(self, question: AboutSubject, limit: int) -> SubjectPast:
        """What of a subject's past counts now; of allowed amounts the ``limit`` newest."""
        ...


class Bearing(msgspec.Struct, frozen=True):
    """What looking back asks for: the class that applies, and the floors with their codes."""

    action_class: ActionClass
    floors: tuple[Floor, ...]


class Together(msgspec.Struct, frozen=True):
    """A check as others see it, and the others of its subject that were under way when it came."""

    ours: Recent
    others: tuple[Recent, ...] = ()


class _Announced(msgspec.Struct, frozen=True, array_like=True):
    """What others hear of a check under way."""

    action_type: str
    action_class: ActionClass
    action_digest: bytes
    amount: Amount | None = None


class Watch(msgspec.Struct, frozen=True):
    """What is watched of how agents go about it: each by itself, and all those of a tenant and a platform together."""

    pace: Pace
    blocks: Blocks
    standings: Standings


class LookBack:
    """Knows what is under way, on all nodes where these share a Valkey, and asks the record for the rest.

    A check is announced before the record is read and withdrawn after it is written: of any two, one sees the other.
    ``nonce`` tells equal checks apart.
    """

    def __init__(
        self,
        store: SubjectHistory,
        kv: Kv,
        clock: Clock,
        pseudonyms: Pseudonyms,
        limits: CautionLimits,
        watch: Watch,
        nonce: Callable[[], str],
    ) -> None:
        self._store = store
        self._kv = kv
        self._clock = clock
        self._pseudonyms = pseudonyms
        self._limits = limits
        self._watch = watch
        self._nonce = nonce

    @asynccontextmanager
    async def under_way(
        self, asked: Asked, subject: bytes, action_class: ActionClass, at: datetime
    ) -> AsyncIterator[Together]:
        """Let others see this check until it is recorded, or given up. ``action_class`` is the action's by itself.

        Raises:
            Overloaded: nobody can say who else is at it.
        """
        action = asked.request.action
        mark = action_mark(action, asked.principal.tenant, self._pseudonyms)
        recent = Recent(at, action.type, action_class, mark, None, action.amount)
        if not self._limits.longest:
            yield Together(recent)
            return
        key = f"under-way:{asked.principal.tenant}:{subject.hex()}"
        said = msgspec.msgpack.encode(_Announced(action.type, action_class, mark, action.amount))
        member = self._nonce().encode() + _GAP + said
        try:
            others = await self._kv.join(key, member, _UNDER_WAY_S)
            yield Together(recent, _others(others, at))
        finally:
            with suppress(BrokerError):  # it ends by itself
                await self._kv.leave(key, member)

    async def bearing(self, asked: Asked, subject: bytes, document: PolicyDocument, together: Together) -> Bearing:
        """What the past of this subject and the pace of this agent ask for.

        Raises:
            TooManyRequests: the agent asks about more people than anybody serves.
            Unrecorded, Overloaded: the record cannot be read, so nothing is decided.
        """
        floors = await self._gait(asked, subject)
        ours = together.ours
        recent = [*await self._recent(asked.principal.tenant, subject, ours), *together.others]
        found: Caution = caution(document, asked.request.action, ours, recent, self._limits)
        floors += tuple(Floor(code, found.floor if code == _STANDS else Outcome.ALLOW) for code in found.codes)
        return Bearing(found.action_class, floors)

    async def _gait(self, asked: Asked, subject: bytes) -> tuple[Floor, ...]:
        principal, phone, watch = asked.principal, asked.request.subject.phone, self._watch
        if principal.agent is None:
            return ()
        lineage = (await watch.standings.of(principal.tenant)).lineage
        platform = lineage[-1].tenant if lineage else principal.tenant
        now_s = self._clock.monotonic_s()
        gait = watch.pace.step(principal, phone, subject, now_s)
        sweep = watch.blocks.step(principal.tenant, platform, phone, now_s)
        if gait is Gait.TOO_FAST or sweep is Sweep.CERTAIN:
            raise TooManyRequests("this agent asks about too many people; slow down", retry_after_s=_SLOW_DOWN_S)
        unusual = gait is Gait.UNUSUAL or sweep is Sweep.LIKELY
        return (Floor(ReasonCode.AGENT_UNUSUAL, Outcome.STEP_UP),) if unusual else ()

    async def _recent(self, tenant: str, subject: bytes, ours: Recent) -> list[Recent]:
        if not self._limits.longest:
            return []
        question = AboutSubject(
            tenant=tenant,
            subject=subject,
            action_type=ours.action_type,
            action_digest=ours.action_digest,
            currency=ours.amount.currency if ours.amount else None,
            classes_since_ms=_ms(ours.at - self._limits.class_window),
            refusals_since_ms=_ms(ours.at - self._limits.adverse_window),
            allowed_since_ms=_ms(ours.at - self._limits.amount_window),
        )
        return _recalled(await self._store.past_of(question, _AMOUNTS_MAX), ours)


def _others(members: Iterable[bytes], at: datetime) -> tuple[Recent, ...]:
    """What others announced, those of one kind as one: of a thousand that come at once each looks at all the others."""
    counted = Counter(member.partition(_GAP)[2] for member in members)
    return tuple(_seen(said, times, at) for said, times in counted.items())


def _seen(said: bytes, times: int, at: datetime) -> Recent:
    try:
        one = msgspec.msgpack.decode(said, type=_Announced)
    except msgspec.DecodeError:
        # Defensive: a node of another version announced something that cannot be read here.
        return Recent(at, "", ActionClass.CRITICAL, b"", None)
    amount = None if one.amount is None else Amount(one.amount.value * times, one.amount.currency)
    return Recent(at, one.action_type, one.action_class, one.action_digest, None, amount)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


_STANDS = ReasonCode.ADVERSE_STANDS.value


def _recalled(past: SubjectPast, ours: Recent) -> list[Recent]:
    """The past as the rule takes it. What was asked at which class says nothing of the outcome, and so on."""
    least, digest = ActionClass.LOW, ours.action_digest
    recent = [Recent(ours.at, "", ActionClass[name.upper()], b"", None) for name in past.classes]
    for decision, at_ms in past.refusals:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        recent.append(Recent(at, ours.action_type, least, digest, Outcome[decision.upper()]))
    if ours.amount is not None:
        for value, times in past.allowed:
            amount = Amount(Decimal(value) * times, ours.amount.currency)
            recent.append(Recent(ours.at, ours.action_type, least, b"", Outcome.ALLOW, amount))
    if sum(times for _, times in past.allowed) >= _AMOUNTS_MAX:
        # Defensive: nobody pays so often in a day, and a flood must not push what came before it out of sight.
        recent.append(Recent(ours.at, "", ActionClass.CRITICAL, b"", None))
    return recent
