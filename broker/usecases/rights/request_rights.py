"""A person asks about their own data: the request, the proof that the number is theirs, and what follows from it.

The proof is a trust check of the broker's own, about this request and no other, that allows nothing before the person
has met a challenge on that number. A line whose SIM is in doubt offers none: then somebody of the tenant's staff has to
know the person, and say how.
"""

import unicodedata
from datetime import timedelta

import msgspec

from broker.consumers import authorize
from broker.domain.check import CheckRequest, Principal, Subject
from broker.domain.decision import Outcome
from broker.domain.event import EventKind
from broker.domain.phone import PhoneNumber
from broker.domain.record import Check
from broker.domain.rights import ABOUT_A_CHECK, RequestCode, RequestState, RequestWords, RightKind, SubjectRequest
from broker.errors import Conflict, Fault, InvalidRequest, NotPermitted, ReceiptRefused, TooManyRequests
from broker.rights import rules
from broker.rights.rules import VOUCHED
from broker.routing.country import country_of
from broker.usecases.ports import Asked
from broker.usecases.rights.report_holdings import HoldingsOut
from broker.usecases.rights.rights_desk import RightsDesk, action_of, require_asker
from broker.usecases.rights.rights_views import RequestOut, shown
from broker.usecases.step_up.challenge_checks import Answer
from broker.usecases.step_up.challenge_views import ChallengeView

PURPOSE = "FraudPreventionAndDetection"
STATEMENT_MAX = 2000
_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
_DISPUTED = "DISPUTED"


class NewRequest(msgspec.Struct, frozen=True):
    """What somebody asks for. ``check_id``, ``fact`` and ``statement`` are for disputes and corrections."""

    phone: PhoneNumber
    kind: RightKind
    check_id: str | None = None
    fact: str = ""
    statement: str = ""

    def __repr__(self) -> str:
        return f"NewRequest({self.kind})"


class RequestAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request as it stands now, and for an access request everything that is held."""

    request: RequestOut
    holdings: HoldingsOut | None = None


class RequestRights:
    """The person's side, brought by a portal of the tenant or by its staff."""

    def __init__(self, desk: RightsDesk) -> None:
        self._desk = desk
        self._tools = desk.tools

    async def open(self, principal: Principal, new: NewRequest) -> RequestOut:
        """Take a request in; nothing is told or changed, and nobody is asked anything, before the number is proven.

        Raises:
            NotPermitted: the caller may not ask for people.
            InvalidRequest: it says too little, or what does not show as it reads.
            TooManyRequests: this person, or this caller, has asked often enough for now.
        """
        require_asker(principal)
        _require_sound(new)
        desk, tools = self._desk, self._tools
        subject = tools.pseudonyms.subject(principal.tenant, new.phone)
        await self._require_room(principal, subject)
        now = tools.clock.now()
        term = tools.terms.of(country_of(new.phone))
        due = term.answer.after(now)
        request = SubjectRequest(
            tenant=principal.tenant,
            request_id=tools.new_id("srq"),
            subject=subject,
            kind=new.kind,
            state=RequestState.UNPROVEN,
            version=1,
            about=new.check_id,
            sealed=b"",
            opened_ms=desk.now_ms(),
            opened_by=principal.consumer,
            due_ms=int(due.timestamp() * 1000),
            extendable_to_ms=None if term.extension is None else int(term.extension.after(due).timestamp() * 1000),
            lapses_ms=int((now + timedelta(days=tools.limits.lapse_days)).timestamp() * 1000),
        )
        if new.statement or new.fact:
            words = RequestWords(statement=new.statement, fact=new.fact)
            request = msgspec.structs.replace(request, sealed=await desk.seal(request, words))
        leaf = desk.leaf(request, "open", principal.consumer)
        await tools.store.open(request, leaf, (desk.event(request, EventKind.SUBJECT_REQUEST_OPENED),))
        return shown(request, desk.now_ms())

    async def show(self, principal: Principal, request_id: str) -> RequestOut:
        """How a request stands, and whether the number is proven.

        Raises:
            NotFound: there is none, or it is none of the caller's.
        """
        request = await self._desk.ours(principal, request_id)
        waits = request.state is RequestState.UNPROVEN
        return shown(request, self._desk.now_ms(), await self._desk.method(request) if waits else None)

    async def prove(self, principal: Principal, request_id: str, phone: PhoneNumber, method: str) -> ChallengeView:
        """Start a challenge on the number, as far as the evidence about the line leaves it beyond doubt.

        Raises:
            NotFound: no such request.
            InvalidRequest: another number.
            Conflict: it is proven or over, was tried too often, or the line does not show now whose it is.
            TooManyRequests: this person was bothered enough.
        """
        request = await self._desk.ours(principal, request_id)
        self._desk.require_same(request, phone)
        # Counted before anybody is asked: what costs something must not be had again and again.
        request = rules.count_proof(request, self._tools.limits.proofs_max, self._desk.now_ms())
        request = await self._desk.move(request, "prove", principal.consumer, None)
        proving = _proving(principal)
        check = await self._checked(proving, request, phone)
        await self._desk.move(rules.prove_by(request, check.id), "proof", principal.consumer, None)
        if check.decision.outcome is not Outcome.STEP_UP:
            raise Conflict("this line does not show now whose it is: let your staff vouch for the person")
        started = await self._tools.challenges.start(proving, check.id, method, phone)
        return msgspec.structs.replace(started, href=f"/v1/subjects/requests/{request_id}")

    async def answer_proof(
        self, principal: Principal, request_id: str, challenge_id: str, answer: Answer
    ) -> ChallengeView:
        """Hand in the code that the person typed, or the token of their device.

        Raises:
            NotFound: no such request, or no such challenge of it.
            Conflict: it is over.
        """
        request = await self._desk.ours(principal, request_id)
        if request.proof is None:
            raise Conflict("start a proof first")
        if answer.met is not None:
            raise InvalidRequest("this proves no number", [Fault("/met", "send a code or a token of the device")])
        challenges = self._tools.challenges
        ended = await challenges.answer(_proving(principal), request.proof, challenge_id, answer)
        return msgspec.structs.replace(ended, href=f"/v1/subjects/requests/{request_id}")

    async def carry_out(self, principal: Principal, request_id: str, phone: PhoneNumber) -> RequestAnswer:
        """Do what a proven request asks for. An access request is answered once: for more, it is asked again.

        Raises:
            NotFound: no such request, or the check that it names is not about this person.
            InvalidRequest: another number.
            Conflict: the number is not proven, or not any more; it is answered; or somebody else was quicker.
        """
        request = await self._desk.ours(principal, request_id)
        self._desk.require_same(request, phone)
        rules.require_open(request)
        if request.proven_by == VOUCHED and authorize.PRIVACY_WRITE not in principal.scopes:
            raise NotPermitted("your staff vouched for this person, so it is your staff's to carry out")
        if request.kind is RightKind.ACCESS:
            return await self._hand_over(principal, request)
        check = await self._desk.require_about_them(request) if request.state is RequestState.ACCEPTED else None
        if request.state is RequestState.UNPROVEN:
            method = await self._proven(request)
            check = await self._desk.require_about_them(request)
            accepted = rules.accept(request, method, self._desk.now_ms())
            request = await self._desk.move(accepted, "accept", principal.consumer, EventKind.SUBJECT_REQUEST_ACCEPTED)
        return await self._carried_out(principal, request, check, phone)

    async def _carried_out(
        self, principal: Principal, request: SubjectRequest, check: Check | None, phone: PhoneNumber
    ) -> RequestAnswer:
        """What an accepted request asks for. Each of these may be done twice: an interruption is made good by another.

        Raises:
            Conflict: somebody else closed it meanwhile.
        """
        acting = msgspec.structs.replace(principal, scopes=principal.scopes | {authorize.PRIVACY_WRITE})
        match request.kind:
            case RightKind.ERASURE:
                await self._tools.erase(acting, phone)
            case RightKind.OBJECTION:
                await self._tools.restrict.objection(acting, phone, on=True)
            case RightKind.DISPUTE if check is not None:
                await self._pause_effect(principal, check)
                return RequestAnswer(shown(request, self._desk.now_ms()))
            case _:
                return RequestAnswer(shown(request, self._desk.now_ms()))
        sealed = b"" if request.kind is RightKind.ERASURE else None
        done = rules.answer(request, RequestCode.CARRIED_OUT, principal.consumer, self._desk.now_ms(), sealed)
        done = await self._desk.move(done, "answer", principal.consumer, EventKind.SUBJECT_REQUEST_CLOSED)
        return RequestAnswer(shown(done, self._desk.now_ms()))

    async def _hand_over(self, principal: Principal, request: SubjectRequest) -> RequestAnswer:
        """Everything that is held, to one of all who fetch it at once; it is prepared before it counts as given."""
        if request.state is RequestState.UNPROVEN:
            method = await self._proven(request)
            request = rules.proven(request, method, self._desk.now_ms())
        report = await self._tools.report(request.tenant, request.subject)
        done = rules.answer(request, RequestCode.COLLECTED, principal.consumer, self._desk.now_ms())
        done = await self._desk.move(done, "collect", principal.consumer, EventKind.SUBJECT_REQUEST_CLOSED)
        return RequestAnswer(shown(done, self._desk.now_ms()), report)

    async def _proven(self, request: SubjectRequest) -> str:
        rules.require_unproven(request, self._desk.now_ms())
        method = await self._desk.method(request)
        if method is None:
            raise Conflict("prove the number first: nobody has, or what was proven does not hold any more")
        return method

    async def _pause_effect(self, principal: Principal, check: Check) -> None:
        """Nothing more is done on the strength of a disputed allow; a disputed refusal stands until a human has looked.

        Defensive: a pause that loosened anything would be what a thief disputes for.
        """
        seeing = msgspec.structs.replace(principal, scopes=frozenset({authorize.CHECK, authorize.EXPLAIN}))
        if check.decision.outcome is Outcome.ALLOW:
            try:
                await self._tools.receipts.revoke(seeing, check.id, _DISPUTED)
            except ReceiptRefused:  # it was used: what is done is done, and the human who looks will see that
                return

    async def _checked(self, principal: Principal, request: SubjectRequest, phone: PhoneNumber) -> Check:
        asked = Asked(
            principal=principal,
            request=CheckRequest(subject=Subject(phone), action=action_of(request), purpose=PURPOSE),
            received_s=self._tools.clock.monotonic_s(),
            render=lambda check: check.id.encode("ascii"),
        )
        try:
            answered = await self._tools.run_check(asked)
        except InvalidRequest as error:  # a tenant that is older than the policy, or has replaced it
            raise Conflict("no policy says how a number is proven: publish `rights`, or let staff vouch") from error
        return await self._desk.check(principal.tenant, answered.body.decode("ascii"))

    async def _require_room(self, principal: Principal, subject: bytes) -> None:
        """Staff are not counted by person, so that a flood cannot keep anybody from being heard."""
        limits, store, now_ms = self._tools.limits, self._tools.store, self._desk.now_ms()
        hourly = limits.hourly_per_consumer
        if await store.lately_by(principal.tenant, principal.consumer, now_ms - _HOUR_MS, hourly) >= hourly:
            raise TooManyRequests("you brought enough requests for this hour", retry_after_s=600)
        if authorize.PRIVACY_WRITE in principal.scopes:
            return
        daily = limits.daily_per_person
        if await store.lately_about(principal.tenant, subject, now_ms - _DAY_MS, daily) >= daily:
            raise TooManyRequests("enough was asked about this number today: ask your staff", retry_after_s=3600)


def _proving(principal: Principal) -> Principal:
    """The same caller with what the broker's own step-up takes, and nothing else."""
    return msgspec.structs.replace(principal, scopes=frozenset({authorize.CHECK}))


def _require_sound(new: NewRequest) -> None:
    named = new.kind in ABOUT_A_CHECK
    faults = []
    if named != (new.check_id is not None):
        faults.append(
            Fault("/checkId", "name the check that is wrong" if named else "leave it out: it is about no check")
        )
    if named and not new.statement.strip():
        faults.append(Fault("/statement", "say what is wrong, in the person's own words"))
    if (new.kind is RightKind.CORRECTION) != bool(new.fact):
        faults.append(Fault("/fact", "name the fact that is wrong in a correction, and in nothing else"))
    for name, text in {"statement": new.statement, "fact": new.fact}.items():
        if not is_plain(text):
            faults.append(Fault(f"/{name}", "send printable characters and line breaks only"))
    if faults:
        raise InvalidRequest("this request cannot be taken", faults)


def is_plain(text: str) -> bool:
    """Whether a text shows as it reads: a line that runs backwards could make somebody read a lie."""
    return not any(unicodedata.category(each)[0] == "C" and each != "\n" for each in text)
