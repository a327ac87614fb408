"""Step up, the caller's side: start a challenge, hand in what the person gave, see how it stands."""

import hmac
from collections.abc import Mapping

import msgspec

from broker.adapter_kit.instruments import (
    CODE_PLACEHOLDER,
    MESSAGE_MAX,
    CheckPassword,
    PasswordSent,
    PasswordVerdict,
    Refused,
    SendPassword,
)
from broker.consumers import authorize
from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState, RefusalCode
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber
from broker.domain.record import Check, RecordedAction
from broker.domain.signal import Unavailability
from broker.errors import (
    BrokerError,
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    NotPermitted,
    TooManyRequests,
)
from broker.policy.rules import StepUpMethod
from broker.step_up import rules
from broker.usecases.show_check import own_check
from broker.usecases.step_up.challenge_desk import CATEGORIES, ChallengeDesk, Held, digest, sources_of
from broker.usecases.step_up.challenge_views import ChallengeView, compare_code, shown

_HOUR_MS = 3_600_000
_MESSAGE = f"{CODE_PLACEHOLDER} is your code for: %s. Give it to nobody who calls you."
_CANNOT = "the operator of this number cannot do that: choose another method"
_VERDICTS: Mapping[PasswordVerdict, tuple[ChallengeState, ChallengeCode]] = {
    PasswordVerdict.EXPIRED: (ChallengeState.EXPIRED, ChallengeCode.CODE_EXPIRED),
    PasswordVerdict.EXHAUSTED: (ChallengeState.FAILED, ChallengeCode.CODE_WRONG),
}
_REFUSED_STARTS: Mapping[type[BrokerError], RefusalCode] = {
    NotFound: RefusalCode.FOREIGN_CHECK,
    InvalidRequest: RefusalCode.OTHER_NUMBER,
    Conflict: RefusalCode.NOT_OFFERED,
    TooManyRequests: RefusalCode.FLOODED,
    NotPermitted: RefusalCode.NOT_PERMITTED,
}
_REFUSED_ANSWERS: Mapping[type[BrokerError], RefusalCode] = {
    NotFound: RefusalCode.FOREIGN_CHALLENGE,
    Conflict: RefusalCode.ANSWER_REFUSED,
    NotPermitted: RefusalCode.NOT_PERMITTED,
}


class Answer(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What the caller hands in for the person: the code that they typed, or the token that their device fetched.

    ``met`` is for a factor of the tenant's own, on the word of its back end.
    """

    code: str | None = None
    operator_token: str | None = None
    met: bool | None = None

    def __repr__(self) -> str:
        return "Answer(…)"


class ChallengeChecks:
    """Challenges of one's own checks."""

    def __init__(self, desk: ChallengeDesk) -> None:
        self._desk = desk
        self._tools = desk.tools

    async def start(self, principal: Principal, check_id: str, method: str, phone: PhoneNumber) -> ChallengeView:
        """Start one of the methods that the decision offers. A challenge of the check that is open gives way to it.

        The number is asked for again: it is not kept with the check, and it must be the one of the check.

        Raises:
            NotFound: no such check, or not the caller's own.
            InvalidRequest: another number.
            Conflict: the decision does not offer this, the operator cannot do it, or the check is too old.
            TooManyRequests: this person was bothered enough.
        """
        async with self._tools.refusals.noting(_REFUSED_STARTS, principal, check_id):
            return await self._start(principal, check_id, method, phone)

    async def _start(self, principal: Principal, check_id: str, method: str, phone: PhoneNumber) -> ChallengeView:
        authorize.require(principal, authorize.CHECK)
        check = await self._own(principal, check_id, method)
        self._require_offered(check, method, principal)
        subject = self._tools.pseudonyms.subject(principal.tenant, phone)
        if not hmac.compare_digest(subject.hex(), check.subject):
            raise InvalidRequest("this is another number", [Fault("/phoneNumber", "send the number of the check")])
        await self._require_room(check, method)
        await self._require_permitted(check, phone, method)
        await self._replace_open(check)
        match method:
            case StepUpMethod.NETWORK_AUTH:
                operator = self._tools.ways.host(sources_of(check), check.purpose)
                return await self._send_link(check, method, phone, operator)
            case StepUpMethod.OPERATOR_PROMPT:
                operator = self._tools.ways.prompter(sources_of(check))
                # A code of its own, for that of a link can be told from the link.
                return await self._send_link(check, method, phone, operator, compare_code(self._tools.secret()))
            case StepUpMethod.SMS_OTP:
                return await self._send_code(check, phone)
            case _:
                return shown(await self._desk.keep(check, method, Held(phone.e164), self._tools.limits.code_s))

    async def show(self, principal: Principal, check_id: str, challenge_id: str) -> ChallengeView:
        """How a challenge stands.

        Raises:
            NotFound: there is none, or it is not the caller's.
        """
        authorize.require(principal, authorize.CHECK)
        return shown(await self._of(principal, check_id, challenge_id))

    async def answer(self, principal: Principal, check_id: str, challenge_id: str, answer: Answer) -> ChallengeView:
        """Hand in what the person gave. Each answer costs an attempt before it is looked at.

        Raises:
            NotFound: there is no such challenge.
            InvalidRequest: this method takes another kind of answer, or none here.
            NotPermitted: an agent vouches for a factor of its tenant.
            Conflict: it is over, or another answer is being looked at.
        """
        authorize.require(principal, authorize.CHECK)
        async with self._tools.refusals.noting(_REFUSED_ANSWERS, principal, challenge_id):
            taken = await self._taken(principal, check_id, challenge_id, answer)
        held = await self._desk.held(taken)
        if answer.code is not None:
            return shown(await self._by_code(taken, held, answer.code))
        if answer.operator_token is not None:
            return shown(await self._desk.by_token(taken, held, answer.operator_token))
        state = ChallengeState.MET if answer.met else ChallengeState.FAILED
        return shown(await self._desk.end(taken, state, None, counts=True))

    async def _taken(self, principal: Principal, check_id: str, challenge_id: str, answer: Answer) -> Challenge:
        challenge = await self._of(principal, check_id, challenge_id)
        _require_fitting(challenge.method, answer, principal)
        taken = rules.take_attempt(challenge, self._desk.now_ms())
        if not await self._tools.store.move(taken):
            raise Conflict("another answer is being looked at: see how the challenge stands")
        return taken

    async def resend(self, principal: Principal, check_id: str, challenge_id: str) -> ChallengeView:
        """Send another code by text message; the one before is void, and attempts are not given back.

        Raises:
            NotFound: there is no such challenge.
            Conflict: it is over, nothing is sent for it, or it was sent a moment ago or often enough.
        """
        authorize.require(principal, authorize.CHECK)
        challenge = await self._of(principal, check_id, challenge_id)
        if challenge.method != StepUpMethod.SMS_OTP:
            raise Conflict("nothing is sent for this method: start it again")
        check, held = await self._desk.check(challenge), await self._desk.held(challenge)
        sending = rules.send(held.sent, challenge, self._desk.now_ms(), self._tools.limits.resending)
        held = msgspec.structs.replace(held, sent=sending)
        return shown(await self._sent(await self._desk.hold(challenge, held), check, held))

    async def cancel(self, principal: Principal, check_id: str, challenge_id: str) -> ChallengeView:
        """Give it up.

        Raises:
            NotFound: there is no such challenge.
            Conflict: it is over.
        """
        authorize.require(principal, authorize.CHECK)
        challenge = await self._of(principal, check_id, challenge_id)
        code = ChallengeCode.WITHDRAWN
        return shown(await self._desk.end(challenge, ChallengeState.CANCELLED, code, by=principal.consumer))

    async def _send_link(
        self, check: Check, method: str, phone: PhoneNumber, operator: str | None, code: str = ""
    ) -> ChallengeView:
        if operator is None:
            raise Conflict(_CANNOT)
        secret, held = self._tools.secret(), Held(phone.e164, operator, code=code)
        kept = await self._desk.keep(check, method, held, self._tools.limits.link_s, link=digest(secret))
        return shown(kept, f"{self._tools.public_url}/p/{secret}", code or compare_code(secret))

    async def _send_code(self, check: Check, phone: PhoneNumber) -> ChallengeView:
        """Kept before it is sent: a message that nobody knows of could be answered by nobody, and sent again."""
        if self._tools.through(sources_of(check)) is None:
            raise Conflict(_CANNOT)
        held = Held(phone.e164, sent=(self._desk.now_ms(),))
        kept = await self._desk.keep(check, StepUpMethod.SMS_OTP, held, self._tools.limits.code_s)
        return shown(await self._sent(kept, check, held))

    async def _sent(self, challenge: Challenge, check: Check, held: Held) -> Challenge:
        """The challenge once its code is on the way. The operator makes the code up, and we never see it."""
        adapter = self._tools.through(sources_of(check))
        order = SendPassword(message=message(check.action), **self._desk.order(check, PhoneNumber(held.phone)))
        sent: PasswordSent | Refused | None = None
        if adapter is not None:
            sent = await adapter.carry_out(order)
        if isinstance(sent, PasswordSent):
            return await self._desk.hold(challenge, msgspec.structs.replace(held, reference=sent.reference))
        return await self._desk.end(challenge, ChallengeState.FAILED, _why(sent))

    async def _by_code(self, challenge: Challenge, held: Held, code: str) -> Challenge:
        check, phone = await self._desk.check(challenge), PhoneNumber(held.phone)
        adapter = self._tools.through(sources_of(check))
        verdict: PasswordVerdict | Refused | None = None
        if adapter is not None:
            order = CheckPassword(reference=held.reference, code=code, **self._desk.order(check, phone))
            verdict = await adapter.carry_out(order)
        if verdict is PasswordVerdict.RIGHT:
            return await self._desk.end(challenge, ChallengeState.MET, None, counts=True)
        if not isinstance(verdict, PasswordVerdict):
            return await self._desk.end(challenge, ChallengeState.FAILED, _why(verdict))
        if verdict is PasswordVerdict.WRONG and challenge.attempts_left > 0:
            return challenge
        state, why = _VERDICTS.get(verdict, (ChallengeState.FAILED, ChallengeCode.CODE_WRONG))
        return await self._desk.end(challenge, state, why, counts=state is ChallengeState.FAILED)

    async def _replace_open(self, check: Check) -> None:
        for challenge in await self._tools.store.of_check(check.tenant, check.id):
            if challenge.is_open:
                await self._give_way(challenge, check.consumer)

    async def _give_way(self, challenge: Challenge, by: str) -> None:
        try:
            await self._desk.end(challenge, ChallengeState.CANCELLED, ChallengeCode.REPLACED, by=by)
        except Conflict:
            now = await self._tools.store.find(challenge.tenant, challenge.challenge_id)
            # Its time may have ended it meanwhile, or another start; only whoever has proven it needs no other.
            if now is None or now.is_open or now.state is ChallengeState.MET:
                raise

    def _require_offered(self, check: Check, method: str, principal: Principal) -> None:
        offered = check.ways.offered if check.ways else ()
        until = check.ways.until(method) if check.ways else None
        if until is None:
            names = ", ".join(way.method for way in offered) or "none"
            raise Conflict(f"the decision does not offer this method; it offers: {names}")
        # Defensive: a SIM that was clean an hour ago may be somebody else's now, who then gets the message.
        if self._tools.clock.now() > until:
            raise Conflict("this check is too old to act on: ask again")
        _require_back_end(method, principal)

    async def _require_permitted(self, check: Check, phone: PhoneNumber, method: str) -> None:
        """Whoever is paused, or has objected, is no more to be told of than whose operator cannot do it."""
        category = CATEGORIES.get(method)
        if category is not None and not await self._desk.permits(check, phone, category):
            raise Conflict(_CANNOT)

    async def _require_room(self, check: Check, method: str) -> None:
        since_ms, hourly = self._desk.now_ms() - _HOUR_MS, self._tools.limits.hourly
        subject = bytes.fromhex(check.subject)
        if await self._tools.store.lately(check.tenant, subject, since_ms, hourly) >= hourly:
            raise TooManyRequests("this person was asked often enough for now", retry_after_s=600)
        if method != StepUpMethod.OPERATOR_PROMPT:
            return
        # Defensive: whose phone rings again and again says yes at last, to have peace.
        most = self._tools.limits.prompts_hourly
        rung = await self._tools.store.prompts_lately(check.tenant, subject, since_ms, most)
        if len(rung) >= most or ChallengeCode.DENIED in rung:
            raise TooManyRequests("this phone is left in peace for now: choose another method", retry_after_s=3600)

    async def _own(self, principal: Principal, check_id: str, method: str) -> Check:
        """A check of the very agent: who may explain those of others still acts for nobody but itself."""
        seeing = msgspec.structs.replace(principal, scopes=principal.scopes | {authorize.EXPLAIN})
        check = await own_check(self._tools.checks, seeing, check_id)
        if not _acts_for(principal, check, method):
            raise NotFound("no such check")
        return check

    async def _of(self, principal: Principal, check_id: str, challenge_id: str) -> Challenge:
        challenge = await self._tools.store.find(principal.tenant, challenge_id)
        if challenge is None or challenge.check_id != check_id or not _acts_for(principal, challenge, challenge.method):
            raise NotFound("no such challenge")
        return challenge


def _acts_for(principal: Principal, asked: Check | Challenge, method: str) -> bool:
    """Whether this is who asked; for a factor of the tenant's own also the back end that the agent belongs to."""
    if asked.consumer != principal.consumer:
        return False
    back_end = principal.agent is None and method == StepUpMethod.TENANT_FACTOR
    return asked.agent == principal.agent or back_end


def _why(refusal: Refused | None) -> ChallengeCode:
    forbidden = refusal is not None and refusal.reason is Unavailability.NOT_PERMITTED
    return ChallengeCode.NOT_PERMITTED if forbidden else ChallengeCode.OPERATOR_UNAVAILABLE


def message(action: RecordedAction) -> str:
    """What the person reads with the code: what they approve by telling it, cut to fit into one message."""
    what = f"{action.type} {action.amount.value} {action.amount.currency}" if action.amount else action.type
    return _MESSAGE % what[: MESSAGE_MAX - len(_MESSAGE)]


def _require_back_end(method: str, principal: Principal) -> None:
    if method == StepUpMethod.TENANT_FACTOR and principal.agent is not None:
        raise NotPermitted("a factor of the tenant's own is vouched for by its back end: use a key without an agent")


def _require_fitting(method: str, answer: Answer, principal: Principal) -> None:
    wanted = {
        StepUpMethod.SMS_OTP: ("code", answer.code),
        StepUpMethod.OPERATOR_TOKEN: ("operatorToken", answer.operator_token),
        StepUpMethod.TENANT_FACTOR: ("met", answer.met),
    }.get(StepUpMethod(method))
    if wanted is None:
        raise InvalidRequest("this is answered on the person's phone", [Fault("", "have the person open the link")])
    given = [one for one in (answer.code, answer.operator_token, answer.met) if one is not None]
    if wanted[1] is None or len(given) != 1:
        raise InvalidRequest("another answer is wanted", [Fault(f"/{wanted[0]}", "send this member and no other")])
    _require_back_end(method, principal)
