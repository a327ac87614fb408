"""What happens to challenges when nobody calls: operators are asked for answers, time ends the rest, checks follow."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from broker.adapter_kit.instruments import Refused
from broker.adapter_kit.prompts import AskPerson, HearPerson, PromptAnswer, forbids, may_pass
from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Unavailability
from broker.errors import BrokerError, Conflict, origin
from broker.policy.rules import StepUpMethod
from broker.step_up import rules
from broker.usecases.step_up.challenge_desk import LOOK_MS, ChallengeDesk, Held

_MOST = 200
_AT_ONCE = 16
_CLOCK = "the clock"
_ENDINGS: Mapping[PromptAnswer, tuple[ChallengeState, ChallengeCode | None]] = {
    PromptAnswer.APPROVED: (ChallengeState.MET, None),
    PromptAnswer.DENIED: (ChallengeState.FAILED, ChallengeCode.DENIED),
    PromptAnswer.EXPIRED: (ChallengeState.EXPIRED, ChallengeCode.TIMED_OUT),
    PromptAnswer.NOBODY_ASKED: (ChallengeState.FAILED, ChallengeCode.NOBODY_ASKED),
}
_COUNTS = frozenset({PromptAnswer.APPROVED, PromptAnswer.DENIED})
"""What the person said; all else says something about operators, and nothing for or against them."""
_log = logging.getLogger(__name__)


class PursueChallenges:
    """Run every second by whoever serves; each challenge is taken up by one node, a few at once."""

    def __init__(self, desk: ChallengeDesk) -> None:
        self._desk = desk
        self._tools = desk.tools

    async def __call__(self) -> int:
        """Take up what is due; how many challenges there were."""
        due = await self._tools.store.due(self._desk.now_ms(), _MOST)
        room = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._in_turn(challenge, room) for challenge in due))
        await self._tools.refusals.flush()
        return len(due)

    async def take_up(self, challenge: Challenge) -> None:
        """Do what can be done about one challenge now; what fails is tried again when it is due again."""
        try:
            await self._take_up(challenge)
        except Conflict:  # somebody answered after all, or another node was quicker
            return
        except BrokerError as error:
            _log.warning(
                "a challenge could not be taken up: %(code)s at %(place)s", {"code": error.code, "place": origin(error)}
            )

    async def _in_turn(self, challenge: Challenge, room: asyncio.Semaphore) -> None:
        async with room:
            await self.take_up(challenge)

    async def _take_up(self, challenge: Challenge) -> None:
        now_ms = self._desk.now_ms()
        if not challenge.is_open:
            await self._desk.follow(challenge)
        elif now_ms >= challenge.expires_ms:
            await self._desk.end(challenge, ChallengeState.EXPIRED, ChallengeCode.TIMED_OUT, by=_CLOCK)
        else:
            ours = rules.look_again(challenge, now_ms + LOOK_MS)
            if await self._tools.store.move(ours):
                await self._look(ours)

    async def _look(self, challenge: Challenge) -> None:
        held = await self._desk.held(challenge)
        if challenge.method == StepUpMethod.OPERATOR_TOKEN:
            await self._desk.by_token(challenge, held, held.operator_token)
            return
        if challenge.method == StepUpMethod.OPERATOR_PROMPT:
            await self._by_prompt(challenge, held)

    async def _by_prompt(self, challenge: Challenge, held: Held) -> None:
        answer = await self._heard(challenge, held)
        if isinstance(answer, Refused):
            if not may_pass(answer):
                code = ChallengeCode.NOT_PERMITTED if forbids(answer) else ChallengeCode.OPERATOR_UNAVAILABLE
                await self._desk.end(challenge, ChallengeState.FAILED, code)
        elif answer in _ENDINGS:
            state, code_or_none = _ENDINGS[answer]
            await self._desk.end(challenge, state, code_or_none, counts=answer in _COUNTS)

    async def _heard(self, challenge: Challenge, held: Held) -> PromptAnswer | Refused:
        """How it stands at the operator, who is asked first if they do not have the question yet."""
        adapter = self._tools.through((held.operator,))
        check = await self._desk.check(challenge)
        # Bound to the action, and to this asking for it: a yes to one is no yes to another.
        bound_to = f"{challenge.challenge_id} {check.action_digest}"
        said = self._desk.order(check, PhoneNumber(held.phone))
        if adapter is None:
            return Refused(InstrumentName.OPERATOR_PROMPT, Unavailability.UNSUPPORTED)
        if not held.asked:
            asked = await adapter.carry_out(AskPerson(bound_to=bound_to, **said))
            if isinstance(asked, Refused):
                return asked
            challenge = await self._desk.hold(challenge, msgspec.structs.replace(held, asked=True))
        return await adapter.carry_out(HearPerson(bound_to=bound_to, **said))
