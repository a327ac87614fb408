"""What both sides of a challenge need: keeping it under seal, ending it, and asking the operator about it."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from broker.adapter_kit.adapter import SignalQuery
from broker.adapter_kit.authorization_code import HoldsCeremonies, Transaction
from broker.clock import Clock
from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState, RefusalCode
from broker.domain.event import EventKind
from broker.domain.instrument import Category, InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.record import Cause, Check, Proof
from broker.domain.signal import Match, Observed, Signal, SignalName, Unavailability, Unavailable
from broker.errors import BrokerError, Conflict, Erased, NotFound, origin
from broker.events.compose import Composer
from broker.policy.rules import StepUpMethod
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import Vault
from broker.step_up import rules
from broker.storage.challenge_store import ChallengeStore, prompt_over
from broker.storage.event_store import put
from broker.storage.policy_store import Entry
from broker.usecases.audit.refusals import Refusals
from broker.usecases.events.happenings import challenge_event
from broker.usecases.learning.open_checks import OpenChecks
from broker.usecases.permit import About, Grant, Permit
from broker.usecases.permitted import PermittedNetwork
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.resettle import Change, Resettle, Superseded
from broker.usecases.step_up.find_ways import FindWays

_PERSON = "the person"
CATEGORIES: Mapping[str, Category] = {
    StepUpMethod.NETWORK_AUTH: SignalName.NUMBER_VERIFICATION,
    StepUpMethod.OPERATOR_TOKEN: SignalName.NUMBER_VERIFICATION,
    StepUpMethod.OPERATOR_PROMPT: InstrumentName.OPERATOR_PROMPT,
    StepUpMethod.SMS_OTP: InstrumentName.ONE_TIME_PASSWORD,
}
"""What a method asks the operator for; the others ask nobody."""
_FOLLOW_MS = 5_000
"""How long after an end the sweeper looks whether the check has followed."""
_GIVE_UP_MS = 600_000
LOOK_MS = 1000
"""How often a node looks whether an operator has an answer; how often it really asks is the operator's to say."""
_TRIES = 10
_log = logging.getLogger(__name__)


class ChallengeLimits(msgspec.Struct, frozen=True):
    """Times in seconds. ``hourly`` is how many challenges a subject may get.

    ``prompts_hourly`` is how often their phone may ring for one.
    ``within_s`` is how old a check may be; ``clean_s`` the same where a text message is sent on the strength of it.
    """

    link_s: int = 120
    code_s: int = 300
    attempts: int = 3
    within_s: int = 3600
    hourly: int = 6
    prompts_hourly: int = 3
    clean_s: int = 300
    sends: int = 3
    resend_s: int = 30
    prompt_s: int = 120
    ask_s: float = 5.0

    @property
    def resending(self) -> rules.Resending:
        """How often a code may be sent."""
        return rules.Resending(self.sends, self.resend_s * 1000)


class Held(msgspec.Struct, frozen=True):
    """What goes under seal with a challenge."""

    phone: str
    operator: str = ""
    reference: str = ""
    transaction: Transaction | None = None
    sent: tuple[int, ...] = ()
    """When codes were sent, milliseconds."""
    signal: Observed | None = None
    """What the operator said in the end."""
    consent: str | None = None
    """The entry of the ledger that asking them rested on."""
    operator_token: str = ""
    """The device's token, while the operator has not said what it is worth."""
    code: str = ""
    """What the person types on the page before their phone rings; whoever has the link alone does not know it."""
    asked: bool = False
    """Whether the operator has the question, so that from here on only the answer is looked for."""

    def __repr__(self) -> str:
        return "Held(…)"


class ChallengeTools(msgspec.Struct, frozen=True):
    """What step-up works with, built once by ``bootstrap``. ``secret`` makes 128 random bits or more as URL text."""

    store: ChallengeStore
    checks: OpenChecks
    resettle: Resettle
    vault: Vault
    pseudonyms: Pseudonyms
    permit: Permit
    through: PermittedNetwork
    ceremonies: Mapping[str, HoldsCeremonies]
    clock: Clock
    new_id: Callable[[str], str]
    new_correlator: Callable[[], str]
    secret: Callable[[], str]
    compose: Composer
    public_url: str
    limits: ChallengeLimits
    ways: FindWays
    refusals: Refusals


class ChallengeDesk:
    """Challenges from their making to their end, whoever answers them."""

    def __init__(self, tools: ChallengeTools) -> None:
        self.tools = tools

    async def keep(self, check: Check, method: str, held: Held, ttl_s: int, link: bytes | None = None) -> Challenge:
        """Make a challenge of a check, durable with its leaf and its event when this returns.

        Raises:
            Conflict: the person's phone may ring for another one, and they could not tell the two apart.
        """
        now_ms = self.now_ms()
        challenge = Challenge(
            tenant=check.tenant,
            challenge_id=self.tools.new_id("chg"),
            check_id=check.id,
            revision=check.revision,
            subject=bytes.fromhex(check.subject),
            method=str(method),
            state=ChallengeState.STARTED,
            version=1,
            consumer=check.consumer,
            agent=check.agent,
            opened_ms=now_ms,
            expires_ms=now_ms + ttl_s * 1000,
            due_ms=now_ms + ttl_s * 1000,
            attempts_left=1 if method == StepUpMethod.NETWORK_AUTH else self.tools.limits.attempts,
            sealed=b"",
            link=link,
        )
        challenge = msgspec.structs.replace(challenge, sealed=await self.seal(challenge, held))
        event = challenge_event(self.tools.compose, EventKind.CHALLENGE_STARTED, challenge, now_ms)
        leaf = self.leaf(challenge, "challenge.start", check.consumer)
        if method != StepUpMethod.OPERATOR_PROMPT:
            await self.tools.store.open(challenge, leaf, (put(event),))
            return challenge
        until_ms = challenge.expires_ms + self.tools.limits.prompt_s * 1000
        if not await self.tools.store.open_prompt(challenge, until_ms, leaf, (put(event),)):
            wait_s = ttl_s + self.tools.limits.prompt_s
            raise Conflict("this person is being asked already: wait, or choose another method", retry_after_s=wait_s)
        return challenge

    async def end(
        self,
        challenge: Challenge,
        state: ChallengeState,
        code: ChallengeCode | None,
        *,
        counts: bool = False,
        signal: Observed | None = None,
        by: str = _PERSON,
    ) -> Challenge:
        """Close it, and have the check settle again where the end ``counts`` for it, with what the operator said.

        What they said of somebody who does not permit it any more counts for nothing, either way.

        It is closed first, and of all who would close it one does: what a challenge says and what its check made of it
        are the same. What came of it is kept until the check has followed, so that it is never lost between the two.

        Raises:
            Conflict: it is closed already; whatever this answer proved counts for nothing.
        """
        leave = await self._leave(challenge) if counts else None
        if isinstance(leave, str):
            return await self.end(challenge, ChallengeState.FAILED, ChallengeCode.NOT_PERMITTED, by=by)
        came = Held("", signal=signal, consent=leave.consent if leave else None)
        sealed = await self.seal(challenge, came) if counts else b""
        for _ in range(_TRIES):
            now_ms = self.now_ms()
            due_ms = now_ms + _FOLLOW_MS if counts else None
            ended = rules.end(challenge, state, code, now_ms, sealed=sealed, due_ms=due_ms)
            event = challenge_event(self.tools.compose, EventKind.CHALLENGE_ENDED, ended, now_ms)
            steps = [put(event), *([prompt_over(challenge)] if _rings_no_more(challenge, state) else [])]
            if await self.tools.store.move(ended, self.leaf(ended, f"challenge.{state}", by), steps):
                return await self._followed_soon(ended)
            # Another answer has cost an attempt meanwhile, or somebody was quicker.
            challenge = await self.tools.store.find(challenge.tenant, challenge.challenge_id) or ended
        raise Conflict("this challenge keeps changing: see how it stands")

    async def follow(self, challenge: Challenge) -> Challenge:
        """Have the end of a challenge count for its check. Doing it twice is harmless.

        A proof counts for the revision that asked for it and for no other: what came since, nobody has answered. What
        speaks against the person counts whatever came.

        Raises:
            Conflict, Unrecorded, Overloaded: as :class:`Resettle`.
        """
        met = challenge.state is ChallengeState.MET
        try:
            held = await self.held(challenge)
            signal = held.signal
            change = Change(
                cause=Cause.CHALLENGE,
                by=challenge.challenge_id,
                signals=() if signal is None else (signal,),
                consents={signal.name: held.consent} if signal and held.consent else {},
                proof=Proof(challenge.method, met=met, consent=held.consent),
            )
            seen = challenge.revision if met else None
            await self.tools.resettle(challenge.tenant, challenge.check_id, change, seen=seen)
        except Superseded:
            whose = {"tenant": challenge.tenant, "consumer": challenge.consumer}
            await self.tools.refusals.note(RefusalCode.APPROVAL_STALE, challenge.challenge_id, **whose)
        except (Erased, NotFound):
            _log.info("there is nothing left that could follow %(challenge)s", {"challenge": challenge.challenge_id})
        except Conflict:
            if self.now_ms() - (challenge.closed_ms or 0) < _GIVE_UP_MS:
                raise
            _log.warning(
                "the check of %(challenge)s did not follow: it has settled again too often",
                {"challenge": challenge.challenge_id},
            )
        done = rules.followed(challenge)
        await self.tools.store.move(done)
        return done

    async def _leave(self, challenge: Challenge) -> Grant | str | None:
        """What asking the operator rests on now, or why they must not be asked; ``None`` where nobody is asked."""
        category = CATEGORIES.get(challenge.method)
        if category is None:
            return None
        check, held = await self.check(challenge), await self.held(challenge)
        about = About(challenge.tenant, challenge.subject, PhoneNumber(held.phone), check.purpose)
        return await self.tools.permit.before(category, about)

    async def _followed_soon(self, challenge: Challenge) -> Challenge:
        if challenge.due_ms is None:
            return challenge
        try:
            return await self.follow(challenge)
        except BrokerError as error:
            _log.warning(
                "the check of a challenge will follow later: %(code)s at %(place)s",
                {"code": error.code, "place": origin(error)},
            )
            return challenge

    async def by_token(self, challenge: Challenge, held: Held, token: str) -> Challenge:
        """Ask what the device's own token is worth; while the operator has not said, the answer is waited for."""
        check = await self.check(challenge)
        query = msgspec.structs.replace(self.query(check, PhoneNumber(held.phone)), operator_token=token)
        signal = await self.observe(check, query)
        if not isinstance(signal, Unavailable) or signal.reason is not Unavailability.LATE:
            return await self.by_signal(challenge, signal, ChallengeCode.TOKEN_REFUSED)
        sealed = await self.seal(challenge, msgspec.structs.replace(held, operator_token=token))
        waiting = rules.look_again(challenge, self.now_ms() + LOOK_MS, sealed)
        if not await self.tools.store.move(waiting):
            raise Conflict("this challenge has changed: see how it stands")
        return waiting

    async def observe(self, check: Check, query: SignalQuery) -> Signal | None:
        """Ask the operator of a check about the SIM."""
        adapter = self.tools.through(sources_of(check))
        return None if adapter is None else await adapter.observe(query)

    async def by_signal(self, challenge: Challenge, signal: Signal | None, otherwise: ChallengeCode) -> Challenge:
        """End it by what the operator says about the SIM: only an answer is evidence, and only a yes meets it."""
        if not isinstance(signal, Observed) or not isinstance(signal.value, Match):
            forbidden = isinstance(signal, Unavailable) and signal.reason is Unavailability.NOT_PERMITTED
            code = ChallengeCode.NOT_PERMITTED if forbidden else otherwise
            return await self.end(challenge, ChallengeState.FAILED, code)
        met = signal.value.matched
        state, why = (ChallengeState.MET, None) if met else (ChallengeState.FAILED, ChallengeCode.OTHER_SIM)
        return await self.end(challenge, state, why, counts=True, signal=signal)

    async def check(self, challenge: Challenge) -> Check:
        """The check that a challenge is about, without its evidence."""
        stored = await self.tools.checks.find_check(challenge.tenant, challenge.check_id)
        if stored is None:
            raise NotFound("no such check")
        return msgspec.json.decode(stored.record, type=Check)

    async def permits(self, check: Check, phone: PhoneNumber, category: Category) -> bool:
        """Whether the operator may be asked for it now, about this person and for the purpose of the check.

        It is looked at again with every order; this is for saying so before anybody begins.
        """
        about = About(check.tenant, bytes.fromhex(check.subject), phone, check.purpose)
        return not isinstance(await self.tools.permit.before(category, about), str)

    def query(self, check: Check, phone: PhoneNumber) -> SignalQuery:
        """Whether the device holds the SIM of this number; the proof is still missing."""
        return SignalQuery(signal=SignalName.NUMBER_VERIFICATION, **self.order(check, phone))

    def order(self, check: Check, phone: PhoneNumber) -> dict[str, Any]:
        """What every question and order to the operator of a check says."""
        return {
            "phone": phone,
            "purpose": check.purpose,
            "correlator": self.tools.new_correlator(),
            "deadline_s": self.tools.clock.monotonic_s() + self.tools.limits.ask_s,
            "tenant": check.tenant,
            "consumer": check.consumer,
        }

    async def seal(self, challenge: Challenge, held: Held) -> bytes:
        """What goes into the row of a challenge."""
        use = f"challenge:{challenge.challenge_id}"
        return await self.tools.vault.seal(challenge.tenant, challenge.subject, use, msgspec.json.encode(held))

    async def hold(self, challenge: Challenge, held: Held) -> Challenge:
        """Keep something else under its seal.

        Raises:
            Conflict: it was answered or ended meanwhile.
        """
        held_now = rules.hold(challenge, await self.seal(challenge, held))
        if not await self.tools.store.move(held_now):
            raise Conflict("this challenge has changed: see how it stands")
        return held_now

    async def held(self, challenge: Challenge) -> Held:
        """What was sealed.

        Raises:
            Conflict: the challenge is over, and holds nothing.
            Erased: the person was erased meanwhile.
        """
        if not challenge.sealed:
            raise Conflict("this challenge is over: start another")
        use = f"challenge:{challenge.challenge_id}"
        opened = await self.tools.vault.open(challenge.tenant, challenge.subject, use, challenge.sealed)
        return msgspec.json.decode(opened, type=Held)

    def leaf(self, challenge: Challenge, event: str, by: str) -> Entry:
        """What the log says."""
        words = (challenge.challenge_id, challenge.check_id, challenge.method, challenge.code)
        about = " ".join(str(word) for word in words if word)
        return entry(self.tools.new_id("cev"), challenge.tenant, event, about, None, by, self.tools.clock)

    def now_ms(self) -> int:
        """The instant, in milliseconds."""
        return int(self.tools.clock.now().timestamp() * 1000)


def _rings_no_more(challenge: Challenge, state: ChallengeState) -> bool:
    """Whether nothing is left before the person: what is given up meanwhile, the operator goes on asking."""
    prompted = challenge.method == StepUpMethod.OPERATOR_PROMPT
    return prompted and not (challenge.state is ChallengeState.OPENED and state is ChallengeState.CANCELLED)


def sources_of(check: Check) -> tuple[str, ...]:
    """The operators that answered for a check, in the order of preference."""
    return check.route.sources if check.route else ()


def digest(secret: str) -> bytes:
    """What is stored of a secret. 128 random bits need no salt, and what is stored opens nothing."""
    return hashlib.sha256(secret.encode("utf-8")).digest()
