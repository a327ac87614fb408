"""What both sides of a challenge need: keeping it under seal, ending it, and asking the operator about it."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.authorization_code import HoldsCeremonies, Transaction
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.domain.event import EventKind
from broker.domain.phone import PhoneNumber
from broker.domain.record import Cause, Check, Proof
from broker.domain.signal import Match, Observed, Signal, SignalName, Unavailability, Unavailable
from broker.errors import Conflict, NotFound
from broker.events.compose import Composer
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import Vault
from broker.step_up import rules
from broker.storage.challenge_store import ChallengeStore
from broker.storage.event_store import put
from broker.storage.policy_store import Entry
from broker.usecases.happenings import challenge_event
from broker.usecases.open_checks import OpenChecks
from broker.usecases.policies_in_force import entry
from broker.usecases.resettle import Change, Resettle

_PERSON = "the person"


class ChallengeLimits(msgspec.Struct, frozen=True):
    """Times in seconds. ``within_s`` is how old a check may be, ``hourly`` how many challenges a subject may get."""

    link_s: int = 120
    code_s: int = 300
    attempts: int = 3
    within_s: int = 3600
    hourly: int = 6
    ask_s: float = 5.0


class Held(msgspec.Struct, frozen=True):
    """What goes under seal with a challenge."""

    phone: str
    operator: str = ""
    reference: str = ""
    transaction: Transaction | None = None

    def __repr__(self) -> str:
        return "Held(…)"


class ChallengeTools(msgspec.Struct, frozen=True):
    """What step-up works with, built once by ``bootstrap``. ``secret`` makes 128 random bits or more as URL text."""

    store: ChallengeStore
    checks: OpenChecks
    resettle: Resettle
    vault: Vault
    pseudonyms: Pseudonyms
    gate: ConsentGate
    through: Callable[[tuple[str, ...]], Adapter | None]
    ceremonies: Mapping[str, HoldsCeremonies]
    clock: Clock
    new_id: Callable[[str], str]
    new_correlator: Callable[[], str]
    secret: Callable[[], str]
    compose: Composer
    public_url: str
    limits: ChallengeLimits


class ChallengeDesk:
    """Challenges from their making to their end, whoever answers them."""

    def __init__(self, tools: ChallengeTools) -> None:
        self.tools = tools

    async def keep(self, check: Check, method: str, held: Held, ttl_s: int, link: bytes | None = None) -> Challenge:
        """Make a challenge of a check, durable with its leaf and its event when this returns."""
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
            attempts_left=1 if link else self.tools.limits.attempts,
            sealed=b"",
            link=link,
        )
        challenge = msgspec.structs.replace(challenge, sealed=await self.seal(challenge, held))
        event = challenge_event(self.tools.compose, EventKind.CHALLENGE_STARTED, challenge, now_ms)
        leaf = self.leaf(challenge, "challenge.start", check.consumer)
        await self.tools.store.open(challenge, leaf, (put(event),))
        return challenge

    async def end(
        self,
        challenge: Challenge,
        state: ChallengeState,
        code: ChallengeCode | None,
        *,
        proof: Proof | None = None,
        signals: tuple[Signal, ...] = (),
        by: str = _PERSON,
    ) -> Challenge:
        """Close it, after the check has settled again: what was proven must never be lost between the two."""
        ended = rules.end(challenge, state, code, self.now_ms())
        if proof is not None:
            change = Change(cause=Cause.CHALLENGE, by=challenge.challenge_id, signals=signals, proof=proof)
            await self.tools.resettle(challenge.tenant, challenge.check_id, change)
        event = challenge_event(self.tools.compose, EventKind.CHALLENGE_ENDED, ended, ended.closed_ms or 0)
        if not await self.tools.store.move(ended, self.leaf(ended, f"challenge.{state}", by), (put(event),)):
            raise Conflict("another answer was quicker: see how the challenge stands")
        return ended

    async def by_signal(self, challenge: Challenge, signal: Signal | None, otherwise: ChallengeCode) -> Challenge:
        """End it by what the operator says about the SIM: only an answer is evidence, and only a yes meets it."""
        if not isinstance(signal, Observed) or not isinstance(signal.value, Match):
            forbidden = isinstance(signal, Unavailable) and signal.reason is Unavailability.NOT_PERMITTED
            code = ChallengeCode.NOT_PERMITTED if forbidden else otherwise
            return await self.end(challenge, ChallengeState.FAILED, code)
        met = signal.value.matched
        state, why = (ChallengeState.MET, None) if met else (ChallengeState.FAILED, ChallengeCode.OTHER_SIM)
        return await self.end(challenge, state, why, proof=Proof(challenge.method, met=met), signals=(signal,))

    async def check(self, challenge: Challenge) -> Check:
        """The check that a challenge is about, without its evidence."""
        stored = await self.tools.checks.find_check(challenge.tenant, challenge.check_id)
        if stored is None:
            raise NotFound("no such check")
        return msgspec.json.decode(stored.record, type=Check)

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

    async def held(self, challenge: Challenge) -> Held:
        """What was sealed; raises *Erased* where the person was erased meanwhile."""
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


def sources_of(check: Check) -> tuple[str, ...]:
    """The operators that answered for a check, in the order of preference."""
    return check.route.sources if check.route else ()


def digest(secret: str) -> bytes:
    """What is stored of a secret. 128 random bits need no salt, and what is stored opens nothing."""
    return hashlib.sha256(secret.encode("utf-8")).digest()
