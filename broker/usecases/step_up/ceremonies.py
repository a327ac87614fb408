"""Step up, the person's side: a link that is opened on the phone, one tap, the operator, and back."""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.authorization_code import Started
from broker.adapter_kit.codes import KitCode
from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState, RefusalCode
from broker.domain.phone import PhoneNumber
from broker.domain.record import Check
from broker.domain.signal import SignalName
from broker.errors import Conflict
from broker.policy.rules import StepUpMethod
from broker.policy.words import Language, language_of
from broker.step_up import rules
from broker.usecases.step_up.challenge_desk import CATEGORIES, ChallengeDesk, Held, digest
from broker.usecases.step_up.challenge_views import ENDINGS, Ending, PageView, Tapped, compare_code, page_of, same_code
from broker.usecases.step_up.pursue_challenges import PursueChallenges

_FAULTS: Mapping[str, ChallengeCode] = {
    KitCode.CALLBACK_FORGED: ChallengeCode.FORGED,
    KitCode.CEREMONY_OVER: ChallengeCode.TIMED_OUT,
    "login_required": ChallengeCode.NOT_ON_MOBILE_NETWORK,
    "interaction_required": ChallengeCode.NOT_ON_MOBILE_NETWORK,
    "access_denied": ChallengeCode.NOT_PERMITTED,
    "consent_required": ChallengeCode.NOT_PERMITTED,
}


class Ceremonies:
    """Network verification as the person sees it (CAMARA number-verification, authorization code)."""

    def __init__(self, desk: ChallengeDesk) -> None:
        self._desk = desk
        self._tools = desk.tools
        self._pursue = PursueChallenges(desk)

    @staticmethod
    def language(accept_language: str | None) -> Language:
        """In which language a person is spoken to."""
        return language_of(accept_language)

    async def page(self, secret: str, accept_language: str | None) -> PageView:
        """What the person sees who opens the link. Looking changes nothing: previews of messages look, too."""
        language = language_of(accept_language)
        challenge = await self._tools.store.by_link(digest(secret))
        if challenge is None or self._desk.now_ms() >= challenge.expires_ms:
            return PageView(language, open=False)
        check = await self._desk.check(challenge)
        if challenge.method == StepUpMethod.OPERATOR_PROMPT:
            return page_of(check, challenge.method, "", language, "")
        held = await self._desk.held(challenge)
        started = self._begin(held, check)
        if started is None:
            return PageView(language, open=False)
        goes_to = urlsplit(started.url)
        return page_of(check, challenge.method, compare_code(secret), language, f"{goes_to.scheme}://{goes_to.netloc}")

    async def tap(self, secret: str, typed: str = "") -> Tapped:
        """The person goes on: to their operator, with a secret for a cookie of their browser; or their phone asks them.

        ``typed`` is the code that they were given beside the link, which takes as many tries as any code does.

        Raises:
            Conflict: the link was used, is over, or the operator must not be asked any more.
        """
        challenge = await self._tools.store.by_link(digest(secret))
        if challenge is None:
            raise Conflict("this link was opened before, or is over")
        check, held = await self._desk.check(challenge), await self._desk.held(challenge)
        if not await self._desk.permits(check, PhoneNumber(held.phone), CATEGORIES[challenge.method]):
            await self._desk.end(challenge, ChallengeState.FAILED, ChallengeCode.NOT_PERMITTED)
            raise Conflict("this link is over")
        if challenge.method == StepUpMethod.OPERATOR_PROMPT:
            return await self._prompt(challenge, held, typed)
        started = self._begin(held, check)
        if started is None:
            await self._desk.end(challenge, ChallengeState.FAILED, ChallengeCode.OPERATOR_UNAVAILABLE)
            raise Conflict("this link is over")
        browser = self._tools.secret()
        sealed = await self._desk.seal(challenge, msgspec.structs.replace(held, transaction=started.transaction))
        ticket = digest(started.transaction.state)
        opened = rules.open_link(challenge, digest(browser), ticket, sealed, self._desk.now_ms())
        if not await self._tools.store.move(opened):
            raise Conflict("this link was opened before, or is over")
        return Tapped(started.url, browser, ticket.hex())

    def _begin(self, held: Held, check: Check) -> Started | None:
        """Where the person goes; ``None`` where their operator does it no more, or is gone, since the link was made."""
        operator = self._tools.ceremonies.get(held.operator)
        if operator is None:
            return None
        try:
            return operator.start_ceremony(SignalName.NUMBER_VERIFICATION, check.purpose)
        except OperatorFault:
            return None

    async def _prompt(self, challenge: Challenge, held: Held, typed: str) -> Tapped:
        """Have the operator ask the person, who has just read here what it is about."""
        now_ms = self._desk.now_ms()
        challenge = rules.take_attempt(challenge, now_ms)
        if not await self._tools.store.move(challenge):
            raise Conflict("this link was opened before, or is over")
        if not same_code(typed, held.code):
            if challenge.attempts_left:
                return Tapped(mistyped=True)
            await self._desk.end(challenge, ChallengeState.FAILED, ChallengeCode.CODE_WRONG)
            raise Conflict("this link is over")
        until_ms = now_ms + self._tools.limits.prompt_s * 1000
        opened = rules.open_prompt(challenge, await self._desk.seal(challenge, held), now_ms, until_ms)
        if not await self._tools.store.move(opened):
            raise Conflict("this link was opened before, or is over")
        await self._pursue.take_up(opened)
        return Tapped()

    async def back(self, callback: Mapping[str, str], browser: str, operator: str | None = None) -> Ending:
        """The person's browser comes back from the operator. What it brings is looked at once.

        ``operator`` is whose own way back it took, where operators have one each.
        """
        challenge = await self._tools.store.by_ticket(digest(callback.get("state", "")))
        taken = None if challenge is None else await self._taken(challenge)
        if challenge is None or taken is None:
            about, tenant = (challenge.challenge_id, challenge.tenant) if challenge else ("", "")
            consumer = challenge.consumer if challenge else ""
            await self._tools.refusals.note(RefusalCode.CALLBACK_OF_NOTHING, about, tenant=tenant, consumer=consumer)
            return Ending.OVER
        try:
            ended = await self._looked_at(taken, callback, browser, operator)
        except Conflict:  # it was given up, replaced or over while the operator was asked
            return Ending.OVER
        if ended.state is ChallengeState.MET:
            return Ending.MET
        return Ending.FAILED if ended.code is None else ENDINGS.get(ended.code, Ending.FAILED)

    async def _taken(self, challenge: Challenge) -> Challenge | None:
        """The challenge with its one way back used; ``None`` where it was used before, or is over."""
        try:
            taken = rules.take_attempt(challenge, self._desk.now_ms())
        except Conflict:
            return None
        return taken if await self._tools.store.move(taken) else None

    async def _looked_at(
        self, taken: Challenge, callback: Mapping[str, str], browser: str, operator: str | None
    ) -> Challenge:
        # Defensive: a link that was opened in one browser and finished in another was carried off on the way.
        if taken.browser is None or not hmac.compare_digest(digest(browser), taken.browser):
            return await self._desk.end(taken, ChallengeState.FAILED, ChallengeCode.OTHER_BROWSER)
        return await self._by_browser(taken, callback, operator)

    async def _by_browser(self, challenge: Challenge, callback: Mapping[str, str], operator: str | None) -> Challenge:
        held, check = await self._desk.held(challenge), await self._desk.check(challenge)
        # Defensive: the answer of one operator on another's way back is a mix-up, also where neither says who it is.
        if held.transaction is None or operator not in {None, held.operator}:
            return await self._desk.end(challenge, ChallengeState.FAILED, ChallengeCode.FORGED)
        ceremony = self._tools.ceremonies.get(held.operator)
        if ceremony is None:
            return await self._desk.end(challenge, ChallengeState.FAILED, ChallengeCode.OPERATOR_UNAVAILABLE)
        try:
            proof = ceremony.finish_ceremony(callback, held.transaction)
        except OperatorFault as fault:
            code = _FAULTS.get(fault.code, ChallengeCode.OPERATOR_UNAVAILABLE)
            return await self._desk.end(challenge, ChallengeState.FAILED, code)
        query = msgspec.structs.replace(self._desk.query(check, PhoneNumber(held.phone)), proof=proof)
        adapter = self._tools.through((held.operator,))
        signal = None if adapter is None else await adapter.observe(query)
        return await self._desk.by_signal(challenge, signal, ChallengeCode.OPERATOR_UNAVAILABLE)
