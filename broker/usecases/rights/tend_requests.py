"""The tenant's side of people's requests: who waits, vouch for somebody, take more time, refuse, decide."""

import logging

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.decision import Outcome
from broker.domain.event import EventKind
from broker.domain.outcome import OutcomeReport, TurnedOut
from broker.domain.record import Cause, Check, HumanRuling
from broker.domain.rights import (
    ABOUT_A_CHECK,
    DisputeAnswer,
    RequestCode,
    RequestState,
    RightKind,
    SubjectRequest,
)
from broker.errors import BrokerError, Conflict, Fault, InvalidRequest, origin
from broker.rights import rules
from broker.storage.rights_store import add_outcome
from broker.usecases.resettle import Change
from broker.usecases.rights.request_rights import is_plain
from broker.usecases.rights.rights_desk import RightsDesk
from broker.usecases.rights.rights_views import RequestFile, RequestOut, RequestsOut, shown, shown_with

REASON_MAX = 1000
PAGE_MAX = 200
_SWEEP_MAX = 200
_log = logging.getLogger(__name__)


class TendRequests:
    """Staff of a tenant, and the clock."""

    def __init__(self, desk: RightsDesk) -> None:
        self._desk = desk
        self._tools = desk.tools
        self._overdue = 0

    async def listed(self, principal: Principal, state: str, after: str, limit: int) -> RequestsOut:
        """A page of the tenant's requests, the one that is due first at the head.

        Raises:
            InvalidRequest: ``after`` is not one of ours.
        """
        authorize.require(principal, authorize.PRIVACY_READ)
        page = await self._tools.store.page(principal.tenant, state, _place(after), limit + 1)
        more = f"{page[limit - 1].due_ms}.{page[limit - 1].request_id}" if len(page) > limit else None
        return RequestsOut(tuple(shown(one, self._desk.now_ms()) for one in page[:limit]), more)

    async def file(self, principal: Principal, request_id: str) -> RequestFile:
        """A request with what people wrote, for those who work on it."""
        authorize.require_person(principal, authorize.PRIVACY_READ)
        request = await self._desk.ours(principal, request_id)
        return shown_with(request, self._desk.now_ms(), await self._desk.words(request))

    async def vouch(self, principal: Principal, request_id: str, reason: str) -> RequestOut:
        """Say that this is the person, and how that is known: their passport in a branch, say.

        Raises:
            Conflict: it is proven already, or over.
            NotFound: no such request, or the check that it names is not about this person.
        """
        authorize.require_person(principal, authorize.PRIVACY_WRITE)
        _require_reason(reason)
        request = await self._desk.ours(principal, request_id)
        await self._desk.require_about_them(request)
        words = msgspec.structs.replace(await self._desk.words(request), vouched=reason)
        sealed = await self._desk.seal(request, words)
        vouched = rules.vouch(request, principal, self._desk.now_ms(), sealed)
        return await self._moved(vouched, "vouch", principal, EventKind.SUBJECT_REQUEST_ACCEPTED)

    async def extend(self, principal: Principal, request_id: str, reason: str) -> RequestOut:
        """Take more time, once, with the reason that the person is told.

        Raises:
            Conflict: it was extended, cannot be, is overdue, or closed.
        """
        authorize.require_person(principal, authorize.PRIVACY_WRITE)
        _require_reason(reason)
        request = await self._desk.ours(principal, request_id)
        words = msgspec.structs.replace(await self._desk.words(request), extended=reason)
        extended = rules.extend(request, self._desk.now_ms(), await self._desk.seal(request, words))
        return await self._moved(extended, "extend", principal, EventKind.SUBJECT_REQUEST_EXTENDED)

    async def refuse(self, principal: Principal, request_id: str, code: RequestCode, reason: str) -> RequestOut:
        """Refuse, with the reason that the person is told.

        Raises:
            InvalidRequest: the code is none to refuse with.
            Conflict: it is closed.
        """
        authorize.require_person(principal, authorize.PRIVACY_WRITE)
        _require_reason(reason)
        request = await self._desk.ours(principal, request_id)
        words = msgspec.structs.replace(await self._desk.words(request), closed=reason)
        sealed = await self._desk.seal(request, words)
        refused = rules.refuse(request, code, principal.consumer, self._desk.now_ms(), sealed)
        return await self._moved(refused, "refuse", principal, EventKind.SUBJECT_REQUEST_CLOSED)

    async def decide(self, principal: Principal, request_id: str, answer: DisputeAnswer) -> RequestOut:
        """Say whether the person was right, having had no part in it; what the check turned out to be is kept with it.

        Where a disputed decision falls, its check settles again by that: an allow becomes a denial, anything else an
        allow as long as the check is young enough to act on. The record of what was decided before stays.

        Raises:
            NotPermitted: no reviewer, or somebody who had a part in it.
            InvalidRequest: what it turned out to be contradicts the answer.
            Conflict: it is not accepted yet, is closed, or is nothing for a human to decide.
        """
        authorize.require(principal, authorize.REVIEW)
        _require_reason(answer.reason)
        seeing = msgspec.structs.replace(principal, scopes=principal.scopes | {authorize.PRIVACY_READ})
        request = await self._desk.ours(seeing, request_id)
        check = await self._decidable(request)
        review = await self._tools.reviews.of_check(request.tenant, check.id)
        rules.require_uninvolved(request, principal, check, review)
        _require_fitting(request, check, answer)
        words = msgspec.structs.replace(await self._desk.words(request), closed=answer.reason)
        code = RequestCode.UPHELD if answer.upheld else RequestCode.REJECTED
        sealed = await self._desk.seal(request, words)
        decided = rules.answer(request, code, principal.consumer, self._desk.now_ms(), sealed)
        reported = () if answer.outcome is TurnedOut.UNKNOWN else (add_outcome(self._report(principal, check, answer)),)
        await self._desk.move(decided, "decide", principal.consumer, EventKind.SUBJECT_REQUEST_CLOSED, reported)
        if answer.upheld and request.kind is RightKind.DISPUTE:
            await self._follow(decided, check)
        return shown(decided, self._desk.now_ms())

    async def sweep(self) -> int:
        """Let requests lapse that nobody proved in time; how many."""
        lapsed = 0
        for request in await self._tools.store.lapsed(self._desk.now_ms(), _SWEEP_MAX):
            try:
                over = rules.lapse(request, self._desk.now_ms())
                await self._desk.move(over, "lapse", "the clock", EventKind.SUBJECT_REQUEST_CLOSED)
                lapsed += 1
            except Conflict:  # somebody proved it after all, or another node was quicker
                continue
        return lapsed

    async def overdue(self) -> int:
        """How many people of all tenants wait longer than the law lets them."""
        self._overdue = await self._tools.store.overdue(self._desk.now_ms())
        return self._overdue

    @property
    def alarm(self) -> str:
        """What whoever runs the broker has to know, as of the last look; empty where nobody waits too long."""
        return f"{self._overdue} requests of people about their own data are overdue" if self._overdue else ""

    async def _decidable(self, request: SubjectRequest) -> Check:
        if request.kind not in ABOUT_A_CHECK or request.about is None:
            raise Conflict("this request is carried out, and nothing for a human to decide")
        rules.require_open(request)
        if request.state is not RequestState.ACCEPTED:
            raise Conflict("nobody has proven this number yet")
        return await self._desk.check(request.tenant, request.about)

    async def _moved(self, request: SubjectRequest, event: str, principal: Principal, told: EventKind) -> RequestOut:
        return shown(await self._desk.move(request, event, principal.consumer, told), self._desk.now_ms())

    def _report(self, principal: Principal, check: Check, answer: DisputeAnswer) -> OutcomeReport:
        now = self._tools.clock.now()
        return OutcomeReport(check.tenant, check.id, answer.outcome, now, now, principal.consumer, principal.key_id)

    async def _follow(self, request: SubjectRequest, check: Check) -> None:
        """Have the check settle again. Where it cannot, the answer stands, and the record of both says so."""
        fallen = check.decision.outcome is Outcome.ALLOW
        age_s = (self._tools.clock.now() - check.settled_at).total_seconds()
        # Defensive: an allow makes a receipt, and a receipt for what was asked long ago is wanted by nobody honest.
        if not fallen and age_s > self._tools.limits.allow_within_s:
            return
        ruling = HumanRuling(Outcome.DENY if fallen else Outcome.ALLOW, f"DISPUTE_{request.code}")
        change = Change(cause=Cause.DISPUTE, by=request.request_id, ruling=ruling)
        try:
            await self._tools.resettle(check.tenant, check.id, change, seen=check.revision)
        except BrokerError as error:
            _log.warning(
                "check %(check)s could not follow its dispute: %(code)s at %(place)s",
                {"check": check.id, "code": error.code, "place": origin(error)},
            )


def _require_fitting(request: SubjectRequest, check: Check, answer: DisputeAnswer) -> None:
    """Refuse what contradicts itself: a denial that was wrong is no fraud, and an allow that was wrong is one."""
    if request.kind is not RightKind.DISPUTE or not answer.upheld:
        return
    impossible = TurnedOut.GENUINE if check.decision.outcome is Outcome.ALLOW else TurnedOut.FRAUD
    if answer.outcome is impossible:
        raise InvalidRequest(
            "the outcome contradicts the answer",
            [Fault("/outcome", f"a decision of {check.decision.outcome.wire} was not wrong if it is {impossible}")],
        )


def _require_reason(reason: str) -> None:
    if not reason.strip() or not is_plain(reason):
        raise InvalidRequest("say why", [Fault("/reason", "send the reason, in printable characters")])


def _place(after: str) -> tuple[int, str]:
    due_ms, _, request_id = after.partition(".")
    if not after:
        return (0, "")
    if not (due_ms.isascii() and due_ms.isdigit() and len(due_ms) < 16 and request_id):  # noqa: PLR2004
        raise InvalidRequest("the page is not known", [Fault("/after", "send the `next` of the page before")])
    return (int(due_ms), request_id)
