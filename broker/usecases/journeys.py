"""A journey: the checks of one conversation, over whatever channels and agents it went."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.decision import Floor, OutcomeName
from broker.domain.evidence import Evidence
from broker.domain.record import Check
from broker.domain.signal import Match, Observed, SignalName
from broker.policy import journey
from broker.policy.journey import Carried, Step
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.records import JourneyStep
from broker.usecases.marks import conversation_mark
from broker.usecases.ports import Asked
from broker.usecases.show_check import CheckReader, own_check

STEPS_MAX = 50
"""Of one conversation, the newest; one that goes on for longer has no more to say about who is there now."""

When = Literal["now", "minutes", "hours", "days"]


class JourneyStepView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """One check of a journey: where it came from and what was decided; ``when`` is before the check asked about.

    ``check_id`` is told of one's own. ``same_subject`` says whether it was about the same number, ``possession``
    whether its SIM was proven then.
    """

    check_id: str | None = None
    channel: str | None
    action: str
    decision: OutcomeName
    when: When
    same_subject: bool
    possession: bool


class JourneyOut(msgspec.Struct, frozen=True):
    """The checks that share a conversation with one, earliest first, itself among them."""

    steps: tuple[JourneyStepView, ...]


class JourneyLimits(msgspec.Struct, frozen=True):
    """How long a proven possession is carried on, and how long a denial is remembered."""

    possession: timedelta
    denial: timedelta


class Before(msgspec.Struct, frozen=True):
    """What earlier checks of a conversation count for."""

    carried: Carried | None = None
    floors: tuple[Floor, ...] = ()


class Steps(Protocol):
    """Where checks of a conversation are kept and opened."""

    async def journey(self, tenant: str, conversation: str, since_ms: int, limit: int) -> list[JourneyStep]:
        """The newest checks of a conversation, the erased ones empty."""
        ...


class Journeys:
    """Looks at earlier checks of a conversation, for a new one and for whoever asks."""

    def __init__(
        self, steps: Steps, checks: CheckReader, pseudonyms: Pseudonyms, limits: JourneyLimits, clock: Clock
    ) -> None:
        self._steps = steps
        self._checks = checks
        self._pseudonyms = pseudonyms
        self._limits = limits
        self._clock = clock

    async def before(self, asked: Asked, subject: bytes) -> Before:
        """What counts for a check that begins now; nothing where it names no conversation.

        Raises:
            Unrecorded, Overloaded: the record cannot be read, so nothing is decided.
        """
        mark = conversation_mark(asked.request.conversation_id, asked.principal.tenant, self._pseudonyms)
        longest = max(self._limits.possession, self._limits.denial)
        if mark is None or not longest:
            return Before()
        now = self._clock.now()
        found = await self._steps.journey(asked.principal.tenant, mark, _ms(now - longest), STEPS_MAX)
        steps = [_step(one) for one in found if one.record]
        max_age_s = self._limits.possession.total_seconds()
        if asked.request.max_evidence_age_s is not None:
            max_age_s = min(max_age_s, float(asked.request.max_evidence_age_s))
        # Defensive: a token of this session speaks for this session, whatever another one proved.
        own = asked.request.subject.operator_token is not None
        carried = None if own else journey.carried(steps, subject, asked.request.purpose, now, max_age_s)
        return Before(carried, journey.floors(steps, now - self._limits.denial, crowded=len(found) >= STEPS_MAX))

    async def show(self, principal: Principal, check_id: str) -> JourneyOut:
        """The journey of a check that the caller may see.

        Raises:
            NotFound: no such check, or none of theirs.
        """
        authorize.require(principal, authorize.CHECK)
        check = await own_check(self._checks, principal, check_id)
        found: Sequence[JourneyStep] = ()
        if check.conversation_id is not None:
            found = await self._steps.journey(principal.tenant, check.conversation_id, 0, STEPS_MAX)
        views = [_view(one, check, principal) for one in found if one.record]
        return JourneyOut(tuple(reversed(views)))


def _step(stored: JourneyStep) -> Step:
    check = msgspec.json.decode(stored.record, type=Check)
    return Step(
        check_id=check.id,
        subject=stored.subject or b"",
        purpose=check.purpose,
        settled_at=datetime.fromtimestamp(stored.settled_ms / 1000, UTC),
        outcome=check.decision.outcome,
        verdict=check.decision.verdict,
        possession=_possession(stored),
    )


def _possession(stored: JourneyStep) -> Observed | None:
    if not stored.evidence:
        return None
    return msgspec.json.decode(stored.evidence, type=Evidence).observed(SignalName.NUMBER_VERIFICATION)


def _view(stored: JourneyStep, asked: Check, principal: Principal) -> JourneyStepView:
    check, possession = msgspec.json.decode(stored.record, type=Check), _possession(stored)
    ours = (check.consumer, check.agent) == (principal.consumer, principal.agent)
    return JourneyStepView(
        check_id=check.id if ours or authorize.EXPLAIN in principal.scopes else None,
        channel=check.channel,
        action=check.action.type,
        decision=check.decision.outcome.wire,
        when=_when((asked.started_at - check.started_at).total_seconds()),
        same_subject=check.subject == asked.subject,
        possession=possession is not None and possession.value == Match(matched=True),
    )


def _when(before_s: float) -> When:
    """Coarse on purpose: instants of others' checks tell when somebody was where."""
    steps: tuple[tuple[float, When], ...] = ((60.0, "now"), (3600.0, "minutes"), (86_400.0, "hours"))
    return next((name for limit_s, name in steps if abs(before_s) < limit_s), "days")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
