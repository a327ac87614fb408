"""Have a human look at a check: ask for it, work through the queue, decide, and let time decide where nobody does."""

import logging
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.challenge import RefusalCode
from broker.domain.check import Principal
from broker.domain.event import EventKind
from broker.domain.record import Check
from broker.domain.review import QueueFilter, Review, ReviewAnswer, ReviewState
from broker.errors import (
    BrokerError,
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    NotPermitted,
    TooManyRequests,
    origin,
)
from broker.events.compose import Composer
from broker.reviews import rules
from broker.step_up.offer import offer
from broker.storage.event_store import put
from broker.storage.policy_store import Entry
from broker.storage.review_store import Place, ReviewStore
from broker.usecases.audit.refusals import Refusals
from broker.usecases.events.happenings import review_event
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.reviews.review_views import (
    ReviewFile,
    ReviewHandle,
    ReviewOut,
    ReviewsOut,
    evidence_pack,
    handle,
    is_requester,
    shown,
    shown_with,
)
from broker.usecases.reviews.review_words import ReviewWords
from broker.usecases.show_check import CheckReader, own_check
from broker.usecases.view import ExplainedCheckView, view

JUSTIFICATION_MAX = 1000
REASON_MAX = 500
PAGE_MAX = 200
_HISTORY = 20
_SWEEP_MAX = 200
_AGAIN_MS = 60_000
_GIVE_UP_MS = 3_600_000
_CLOCK = "the clock"
_TOLD: Mapping[ReviewState, EventKind] = {
    ReviewState.QUEUED: EventKind.REVIEW_RELEASED,
    ReviewState.CLAIMED: EventKind.REVIEW_CLAIMED,
    ReviewState.DECIDED: EventKind.REVIEW_DECIDED,
    ReviewState.EXPIRED: EventKind.REVIEW_EXPIRED,
}
_REFUSED: Mapping[type[BrokerError], RefusalCode] = {
    Conflict: RefusalCode.REVIEW_TAKEN,
    NotPermitted: RefusalCode.REVIEW_BY_REQUESTER,
}
_log = logging.getLogger(__name__)


class ReviewLimits(msgspec.Struct, frozen=True):
    """Times in seconds. ``open_within_s`` is how old a check may be; ``open_per_subject`` how many may wait at once.

    ``follow_s`` is how long after a ruling the sweeper looks whether its check has settled again.
    """

    ttl_s: int = 900
    lease_s: int = 300
    open_within_s: int = 3600
    open_per_subject: int = 5
    follow_s: int = 5


Follow = Callable[[Review], Awaitable[None]]
"""Settles a check again by what came of its review; doing it twice is harmless."""


class ReviewTools(msgspec.Struct, frozen=True):
    """What reviewing works with, built once by ``bootstrap``."""

    store: ReviewStore
    checks: CheckReader
    clock: Clock
    new_id: Callable[[str], str]
    follow: Follow
    compose: Composer
    stir: Callable[[str, str], None]
    words: ReviewWords
    refusals: Refusals
    limits: ReviewLimits


class ReviewChecks:
    """Reviews of one's own tenant. A reviewer is a person with ``trust:review`` who has not asked for it themself."""

    def __init__(self, tools: ReviewTools) -> None:
        self._tools = tools

    async def request(self, principal: Principal, check_id: str, justification: str) -> tuple[ReviewHandle, bool]:
        """Put a check before a human; whether it was put there now, for asking again gives the same one.

        Raises:
            NotFound: no such check, or none that this caller may see.
            Conflict: its decision offers no review, or it is too old to act on.
            TooManyRequests: enough reviews about this subject are waiting.
        """
        authorize.require(principal, authorize.CHECK)
        _require_plain(justification)
        check = await own_check(self._tools.checks, principal, check_id)
        known = await self._tools.store.of_check(principal.tenant, check_id)
        if known is not None:
            return handle(known), False
        self._require_reviewable(check)
        await self._require_room(check)
        review = self._new(principal, check)
        sealed = await self._tools.words.seal(review, "justification", justification)
        review = msgspec.structs.replace(review, justification=sealed)
        leaf = self._leaf(review, "review.request", principal.consumer)
        told = [put(review_event(self._tools.compose, EventKind.REVIEW_REQUESTED, review, review.opened_ms))]
        if not await self._tools.store.open(review, leaf, told):
            known = await self._tools.store.of_check(principal.tenant, check_id)
            return handle(known or review), False
        self._tools.stir(review.tenant, review.check_id)
        return handle(review), True

    async def queue(self, principal: Principal, wanted: QueueFilter, after: str, limit: int) -> ReviewsOut:
        """A page of the queue. ``after`` is the ``next`` of the page before, or empty.

        Raises:
            InvalidRequest: ``after`` is not one of ours.
        """
        authorize.require(principal, authorize.REVIEW)
        page = await self._tools.store.queue(principal.tenant, wanted, _place(after), limit + 1)
        more = f"{page[limit - 1].opened_ms}.{page[limit - 1].review_id}" if len(page) > limit else None
        return ReviewsOut(tuple(map(shown, page[:limit])), more)

    async def show(self, principal: Principal, review_id: str, accept_language: str | None) -> ReviewHandle:
        """A review: with its evidence for reviewers, as a handle for whoever asked.

        Raises:
            NotFound: there is none, or it is none of the caller's business.
        """
        reviewer = authorize.REVIEW in principal.scopes
        if not reviewer:
            authorize.require(principal, authorize.CHECK)
        review = await self._find(principal, review_id)
        if reviewer:
            return await self._file(principal, review, accept_language)
        if not is_requester(review, principal):
            raise NotFound("no such review")
        return handle(review)

    async def handle_of(self, principal: Principal, review_id: str) -> ReviewHandle:
        """The handle of a review that this very caller is behind.

        Raises:
            NotFound: there is none, or somebody else is.
        """
        authorize.require(principal, authorize.CHECK)
        review = await self._find(principal, review_id)
        if not is_requester(review, principal):
            raise NotFound("no such review")
        return handle(review)

    async def claim(self, principal: Principal, review_id: str, accept_language: str | None) -> ReviewFile:
        """Take a review, or keep it for longer; with its evidence.

        Raises:
            NotPermitted: the caller is behind the request, or no person.
            Conflict: it is closed, or somebody else's; of any number who claim at once one succeeds.
        """
        authorize.require(principal, authorize.REVIEW)
        now_ms, lease_ms = self._now_ms(), self._tools.limits.lease_s * 1000
        async with self._tools.refusals.noting(_REFUSED, principal, review_id):
            review = rules.claim(await self._find(principal, review_id), principal, now_ms, lease_ms)
            claimed = await self._move(review, "review.claim", principal.consumer)
        return await self._file(principal, claimed, accept_language)

    async def release(self, principal: Principal, review_id: str) -> ReviewOut:
        """Give a review back.

        Raises:
            Conflict: it is not the caller's, or closed.
        """
        authorize.require(principal, authorize.REVIEW)
        review = await self._find(principal, review_id)
        released = rules.release(review, principal, self._now_ms())
        return shown(await self._move(released, "review.release", principal.consumer))

    async def decide(self, principal: Principal, review_id: str, answer: ReviewAnswer) -> ReviewOut:
        """Decide; the check settles again by it.

        Raises:
            InvalidRequest: the code does not go with the ruling.
            NotPermitted: the caller is behind the request, or no person.
            Conflict: it is not the caller's, closed, or over: a review is answered once.
        """
        authorize.require(principal, authorize.REVIEW)
        _require_plain(answer.reason)
        async with self._tools.refusals.noting(_REFUSED, principal, review_id):
            review = await self._find(principal, review_id)
            decided = rules.decide(review, principal, answer, self._now_ms(), self._tools.limits.follow_s * 1000)
            reason = await self._tools.words.seal(review, "reason", answer.reason)
            decided = msgspec.structs.replace(decided, reason=reason)
            moved = await self._move(decided, f"review.{answer.ruling}", principal.consumer)
        return shown(await self._followed(moved), answer.reason)

    async def withdraw(self, principal: Principal, review_id: str) -> ReviewHandle:
        """Take back what one asked for; the check settles as after a denial, for nobody has approved it.

        Raises:
            NotFound: there is none, or somebody else is behind it.
            Conflict: it is closed, over, or being decided at this moment.
        """
        authorize.require(principal, authorize.CHECK)
        review = await self._find(principal, review_id)
        if not is_requester(review, principal):
            raise NotFound("no such review")
        withdrawn = rules.withdraw(review, principal, self._now_ms(), self._tools.limits.follow_s * 1000)
        moved = await self._move(withdrawn, "review.withdraw", principal.consumer)
        return handle(await self._followed(moved))

    async def sweep(self) -> int:
        """Expire what is over, and have checks follow that have not; how many reviews expired."""
        now_ms, expired = self._now_ms(), 0
        for review in await self._tools.store.due(now_ms, _SWEEP_MAX):
            try:
                if review.is_open:
                    review = await self._move(rules.expire(review, now_ms), "review.expire", _CLOCK)  # noqa: PLW2901
                    expired += 1
            except Conflict:  # another node was quicker, or somebody decided after all
                continue
            await self._followed(review)
        return expired

    async def _followed(self, review: Review) -> Review:
        """Have the check follow; where it cannot now, the ruling stands, and the sweeper tries again for an hour."""
        now_ms = self._now_ms()
        try:
            await self._tools.follow(review)
            done = rules.followed(review)
        except BrokerError as error:
            _log.warning(
                "check %(check)s could not follow its review: %(code)s at %(place)s",
                {"check": review.check_id, "code": error.code, "place": origin(error)},
            )
            given_up = now_ms >= (review.closed_ms or 0) + _GIVE_UP_MS
            done = rules.followed(review) if given_up else rules.later(review, now_ms + _AGAIN_MS)
        await self._tools.store.move(done, None)
        self._tools.stir(review.tenant, review.check_id)
        return done

    async def _move(self, review: Review, event: str, by: str) -> Review:
        told = [put(review_event(self._tools.compose, _TOLD[review.state], review, self._now_ms()))]
        if not await self._tools.store.move(review, self._leaf(review, event, by), told):
            raise Conflict("somebody else changed this review at the same time: look at it again")
        return review

    async def _find(self, principal: Principal, review_id: str) -> Review:
        review = await self._tools.store.find(principal.tenant, review_id)
        if review is None:
            raise NotFound("no such review")
        return review

    async def _file(self, principal: Principal, review: Review, accept_language: str | None) -> ReviewFile:
        # Who may decide may see why, whatever else their credential allows.
        seeing = msgspec.structs.replace(principal, scopes=principal.scopes | {authorize.EXPLAIN})
        check = await own_check(self._tools.checks, seeing, review.check_id)
        history = await self._tools.store.history(review.tenant, review.subject, _HISTORY)
        explained = view(check, seeing, accept_language)
        if not isinstance(explained, ExplainedCheckView):
            raise TypeError("whoever may explain gets the view that explains")
        said = await self._tools.words.open(review, "justification", review.justification)
        reason = await self._tools.words.open(review, "reason", review.reason)
        return shown_with(review, evidence_pack(check, explained, history, said), reason or None)

    def _require_reviewable(self, check: Check) -> None:
        if not any(step.kind == "review" for step in offer(check.decision, check.ways)):
            raise Conflict(f"the decision is {check.decision.outcome.wire}, and that is not for a human to change")
        age = self._tools.clock.now() - check.settled_at
        if age > timedelta(seconds=self._tools.limits.open_within_s):
            raise Conflict("this check is too old to act on: ask again, and have that one reviewed")

    async def _require_room(self, check: Check) -> None:
        limits = self._tools.limits
        waiting = await self._tools.store.open_about(
            check.tenant, bytes.fromhex(check.subject), limits.open_per_subject
        )
        if waiting >= limits.open_per_subject:
            raise TooManyRequests("enough reviews about this person are waiting", retry_after_s=limits.lease_s)

    def _new(self, principal: Principal, check: Check) -> Review:
        now_ms = self._now_ms()
        expires_ms = now_ms + self._tools.limits.ttl_s * 1000
        return Review(
            tenant=principal.tenant,
            review_id=self._tools.new_id("rvw"),
            check_id=check.id,
            revision=check.revision,
            state=ReviewState.QUEUED,
            version=1,
            subject=bytes.fromhex(check.subject),
            action_type=check.action.type,
            action_class=check.action_class.wire,
            asked_by=check.consumer,
            asked_agent=check.agent,
            requested_by=principal.consumer,
            requested_agent=principal.agent,
            justification="",
            opened_ms=now_ms,
            expires_ms=expires_ms,
            due_ms=expires_ms,
        )

    def _leaf(self, review: Review, event: str, by: str) -> Entry:
        about = f"{review.review_id} {review.check_id}" + (f" {review.code}" if review.code else "")
        return entry(self._tools.new_id("rev"), review.tenant, event, about, None, by, self._tools.clock)

    def _now_ms(self) -> int:
        return int(self._tools.clock.now().timestamp() * 1000)


def _require_plain(text: str) -> None:
    """Refuse what does not show as it reads: a line that runs backwards could make a reviewer read a lie."""
    if any(unicodedata.category(each)[0] == "C" and each != "\n" for each in text):
        raise InvalidRequest("the text is not plain", [Fault("", "send printable characters and line breaks only")])


def _place(after: str) -> Place:
    opened_ms, _, review_id = after.partition(".")
    if not after:
        return Place()
    if not (opened_ms.isascii() and opened_ms.isdigit() and len(opened_ms) < 16 and review_id):  # noqa: PLR2004
        raise InvalidRequest("the page is not known", [Fault("/after", "send the `next` of the page before")])
    return Place(int(opened_ms), review_id)
